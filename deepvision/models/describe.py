"""What a network is made of: parameters, multiply-accumulates, layers, and what stands at every site."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from deepvision.errors import UserError
from deepvision.layers.activations import ACTIVATIONS, Activation, Elementwise
from deepvision.layers.attention import ATTENTIONS, AttentionBlock
from deepvision.layers.chain import Run, recorded_runs
from deepvision.layers.kernels import KERNELS
from deepvision.layers.layers import NOISES
from deepvision.layers.linear import Linear
from deepvision.layers.norms import NORMS, Norm
from deepvision.layers.pooling import POOLINGS, Pool
from deepvision.layers.stochastic import Noise
from deepvision.models.network import Network

_MOST_SITES = 20_000  # several times those of the deepest networks that have been trained


@dataclasses.dataclass(frozen=True)
class Site:
    """One place that a choice fills.

    Attributes:
        kind: norm, act, kernel, attention, pool, global_pool, dropout or drop_path.
        path: where it stands, "layer1_0/conv1/norm".
        holds: the name of what stands there.
        detail: what became of its arguments, "groups=8", or the shape of a kernel, "3x3/2 -> 64"; may be empty.
        shape: of its input.
    """

    kind: str
    path: str
    holds: str
    detail: str
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Description:
    """What `describe` returns; printed, it is a table.

    Attributes:
        name: of the architecture's class.
        input_shape: (h, w, c).
        output_shape: of the result, without the examples.
        parameters: learned values.
        state: values carried from step to step that no gradient reaches, such as running averages.
        macs: multiply-accumulates of convolutions, dense layers and attention products for one example.
        sites: in the order of the computation.
        runs: of equal blocks, in the same order; none without `Layers.scan_blocks`.
    """

    name: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    parameters: int
    state: int
    macs: int
    sites: tuple[Site, ...]
    runs: tuple[Run, ...] = ()

    @property
    def loops(self) -> str:
        """What became of the runs of equal blocks, and why; empty without `Layers.scan_blocks`."""
        if not self.runs:
            return ""
        loops = [run.blocks for run in self.runs if run.loop]
        written_out = sum(run.blocks for run in self.runs if not run.loop)
        parts = [f"{sum(loops)} equal blocks as {len(loops)} loops"] if loops else []
        if written_out:
            parts.append(f"{written_out} equal blocks written out: convolutions are slow in a loop on a CPU")
        return ", ".join(parts)

    @property
    def blocks(self) -> tuple[str, ...]:
        """The outermost modules that hold sites, in the order of the computation; noise is none, it comes and goes."""
        sites = (site for site in self.sites if site.kind not in NOISES)
        return tuple(dict.fromkeys(site.path.split("/")[0] for site in sites))

    def count(self, kind: str) -> collections.Counter[str]:
        """Returns what stands at the sites of a kind, with how often."""
        return collections.Counter(site.holds for site in self.sites if site.kind == kind)

    def __str__(self) -> str:
        lines = [
            f"{self.name}  {_shape(self.input_shape)} -> {_shape(self.output_shape)}",
            f"  parameters   {self.parameters:,}",
            f"  state        {self.state:,}",
            f"  MACs         {self.macs:,}",
        ]
        kinds = dict.fromkeys(site.kind for site in self.sites)
        for kind in kinds:
            held = ", ".join(f"{number} x {name}" for name, number in self.count(kind).items())
            lines.append(f"  {kind:<12} {held}{self._details(kind)}")
        lines += [f"  {'loops':<12} {self.loops}"] if self.runs else []
        return "\n".join(lines)

    def _details(self, kind: str) -> str:
        if kind == "kernel":  # too many
            return ""
        details = dict.fromkeys(site.detail for site in self.sites if site.kind == kind and site.detail)
        return f" ({'; '.join(details)})" if details else ""


def describe(model: Network, input_shape: Sequence[int], train: bool = False) -> Description:
    """Describes a network on one example of shape (h, w, c), without computing anything.

    Args:
        model: a network, from `create_model`.
        input_shape: (h, w, c) of an example.
        train: describe what runs in training; dropout is a site in either.

    Raises:
        UserError: the network refuses these layers or this shape.
    """
    sites: list[Site] = []
    macs: list[int] = []
    roots: list[Any] = []
    unused = () if train else model.training_only
    model = model.clone(layers=model.layers.replace({"remat": False}))  # what is computed again counts once

    def record(call: Any, args: tuple, kwargs: dict, context: nn.module.InterceptorContext) -> Any:
        module = context.module
        if not roots:
            roots.append(module.scope.root)
        y = call(*args, **kwargs)
        if context.method_name == "__call__" and module.scope.root is roots[0]:  # not what an activation is probed with
            if hasattr(module, "macs") and module.path[0] not in unused:
                macs.append(module.macs(args[0], y))
            site = _site(module, args[0]) if args else None
            sites.extend([site] if site else [])
            if len(sites) > _MOST_SITES:
                raise UserError(
                    f"{type(model).__name__} has more than {_MOST_SITES:,} layers: lower what makes it deep"
                )
        return y

    def run(x: jax.Array) -> Any:
        with nn.intercept_methods(record):
            keys = {"params": jax.random.key(0), "dropout": jax.random.key(0)}
            return model.init_with_output(keys, x, train=train)

    try:
        y, variables = jax.eval_shape(run, jax.ShapeDtypeStruct((1, *input_shape), jnp.float32))
    except ZeroDivisionError as error:
        zeros = _zeros(model)
        if not zeros:
            raise
        raise UserError(f"{type(model).__name__} cannot be made: mend the 0 of {zeros} in model.overrides") from error
    sizes = {name: _size(collection) for name, collection in variables.items()}
    return Description(
        name=type(model).__name__,
        input_shape=tuple(input_shape),
        output_shape=tuple(jax.tree.leaves(y)[0].shape[1:]),
        parameters=sizes.pop("params", 0),
        state=sum(sizes.values()),
        macs=sum(macs),
        sites=tuple(sites),
        runs=_runs(model, variables, input_shape, train) if model.layers.scan_blocks else (),
    )


def _runs(model: Network, variables: Any, input_shape: Sequence[int], train: bool) -> tuple[Run, ...]:
    """Returns the runs of equal blocks that are met when a network is applied."""
    state = [collection for collection in variables if collection != "params"]

    def apply(variables: Any, x: jax.Array) -> Any:
        return model.apply(variables, x, train=train, mutable=state, rngs={"dropout": jax.random.key(0)})

    runs: list[Run] = []
    with recorded_runs(runs):
        jax.eval_shape(apply, variables, jax.ShapeDtypeStruct((1, *input_shape), jnp.float32))
    return tuple(dict.fromkeys(runs))


def _zeros(model: Network) -> str:
    """Returns the fields of a network that are 0, or hold one, but for a classifier that is left out."""
    values = {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}
    return ", ".join(name for name, value in values.items() if name != "num_classes" and _holds_zero(value))


def _holds_zero(value: Any) -> bool:
    values = value if isinstance(value, tuple) else (value,)
    return any(isinstance(one, int | float) and not isinstance(one, bool) and one == 0 for one in values)


def _site(module: nn.Module, x: jax.Array) -> Site | None:
    """Returns the site that a module fills, or None if it is none."""
    filled = _filled(module)
    if filled is None:
        return None
    kind, holds = filled
    detail = module.resolved(x) if hasattr(module, "resolved") else ""
    return Site(kind, "/".join(module.path), holds, detail, tuple(x.shape))


def _filled(module: nn.Module) -> tuple[str, str] | None:
    """Returns the kind of site a module fills and the name of what it is."""
    match module:
        case Norm():
            return "norm", _name(NORMS, type(module))
        case Elementwise():
            return "act", module.choice.name
        case Activation():
            return "act", _name(ACTIVATIONS, type(module))
        case AttentionBlock():
            return "attention", _name(ATTENTIONS, type(module))
        case Pool():
            return "pool" if module.window else "global_pool", _name(POOLINGS, type(module))
        case Linear():
            return "kernel", _name(KERNELS, type(module.parameterization))
        case Noise():
            return module.kind, module.word
    return None


def _name(table: dict[str, Any], entry: Any) -> str:
    return next(name for name, candidate in table.items() if candidate is entry)


def _size(tree: Any) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"
