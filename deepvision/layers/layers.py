"""`Layers`: the one seam through which a network gets its layers.

An architecture declares its paper's `Layers` as default and is given another one to swap them. Its top module calls
`L = self.layers.bind(train)` once; below, `L.conv`, `L.norm`, `L.act` ... make the layers, and no block mentions
`train` or a layer's kind. Parameters are named by role ("conv1", "norm1"), never by kind, so that equal roles start
from equal values and weight decay cannot depend on what stands in them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from deepvision.choices import Choice, resolve
from deepvision.errors import unknown
from deepvision.layers.activations import ACTIVATIONS
from deepvision.layers.attention import ATTENTIONS
from deepvision.layers.bound import DTYPES, BoundLayers
from deepvision.layers.initializers import INITIALIZERS
from deepvision.layers.kernels import KERNELS
from deepvision.layers.norms import NORMS
from deepvision.layers.pooling import POOLINGS
from deepvision.layers.stochastic import DROP_PATHS, DROPOUTS, choose
from deepvision.types import Initializer

TABLES = {
    "norm": NORMS,
    "act": ACTIVATIONS,
    "kernel": KERNELS,
    "attention": ATTENTIONS,
    "pool": POOLINGS,
    "global_pool": POOLINGS,
}
NOISES = {"dropout": DROPOUTS, "input_dropout": DROPOUTS, "drop_path": DROP_PATHS}
PLACEMENTS = ("post", "pre", "post_act", "post_pool")


@dataclasses.dataclass(frozen=True)
class Layers:
    """What stands at the sites of a network. Names are resolved, and arguments checked, when it is made.

    Attributes:
        norm: normalization of activations (table NORMS).
        act: activation (ACTIVATIONS).
        kernel: weight parameterization of every convolution and dense layer (KERNELS).
        attention: channel or spatial attention behind every residual branch or stage (ATTENTIONS).
        pool: windowed pooling (POOLINGS).
        global_pool: pooling over the whole plane in front of a head (POOLINGS).
        placement: where the norm of a convolution stands: "post" (convolution, norm, activation), "pre" (norm,
            activation, convolution), "post_act" (convolution, activation, norm), "post_pool" (behind the pooling).
        dropout: of hidden units: a rate in [0, 1), or a choice (DROPOUTS).
        input_dropout: the same of the network's inputs.
        drop_path: of residual branches: a rate, or a choice (DROP_PATHS). The rate is that of the last branch; it rises
            linearly from 0 at the first.
        init: "gain" (follows the activation), "paper" (`paper_init`), or one of INITIALIZERS.
        paper_init: what the paper of the network states.
        second: fields that differ, as a mapping, at sites where the paper's network has a second kind of layer, such as
            ReLU in the first half of MobileNetV3 beside hard swish; `replace` of a field changes it at all sites.
        remat: compute what is inside a block again in the backward pass instead of keeping it: less memory, more time.
        scan_blocks: compile runs of equal blocks once, as a loop; see `chain`.
        dtype: name of the type of the computation; None: that of the inputs and parameters.
    Raises: UserError for an unknown name or argument, or a rate outside its range.
    """

    norm: Choice | str = "batch"
    act: Choice | str = "relu"
    kernel: Choice | str = "plain"
    attention: Choice | str = "none"
    pool: Choice | str = "max"
    global_pool: Choice | str = "avg"
    placement: str = "post"
    dropout: Choice | str | float = 0.0
    input_dropout: Choice | str | float = 0.0
    drop_path: Choice | str | float = 0.0
    init: str = "gain"
    paper_init: str = "gain"
    second: Mapping[str, Choice | str] | tuple[tuple[str, Choice | str], ...] = ()
    remat: bool = False
    scan_blocks: bool = False
    dtype: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "second", tuple(dict(self.second).items()))
        for field, table in TABLES.items():
            object.__setattr__(self, field, resolve(table, getattr(self, field), field))
        if self.placement not in PLACEMENTS:
            raise unknown("placement", self.placement, PLACEMENTS)
        if self.dtype is not None and self.dtype not in DTYPES:
            raise unknown("dtype", self.dtype, DTYPES)
        self.norm(parent=None)  # checks its arguments
        for field, table in NOISES.items():
            object.__setattr__(self, field, choose(table, getattr(self, field), field))
        self.initializer(1.0)

    def initializer(self, gain: float) -> Initializer:
        """Returns the initializer of kernels behind something whose gain is `gain`."""
        init = self.paper_init if self.init == "paper" else self.init
        if init == "gain":
            return jax.nn.initializers.variance_scaling(gain**2, "fan_in", "truncated_normal")
        return resolve(INITIALIZERS | {"gain": None, "paper": None}, init, "init")()

    def replace(self, changes: dict[str, Any]) -> Layers:
        """Returns a copy with the given fields changed, at all sites; `None` keeps a field."""
        changes = {field: value for field, value in changes.items() if value is not None}
        second = tuple((field, choice) for field, choice in self.second if field not in changes)
        return dataclasses.replace(self, **{"second": second, **changes})

    def bind(self, train: bool) -> BoundLayers:
        """Returns the makers of layers for training or evaluation."""
        return BoundLayers(self, train)
