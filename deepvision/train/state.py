"""The whole state of training: everything that the next step depends on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.traverse_util import flatten_dict, unflatten_dict

from deepvision.types import Array, Key


@flax.struct.dataclass
class TrainState:
    """The state of one replica; of several, every leaf has a leading axis [r].

    Attributes:
        seed: what all randomness of the replica is a function of, together with the step.
        step: updates made so far.
        params: learned by gradients.
        model_state: the network's other collections, such as running averages.
        opt_state: the optimizer's.
        average: exponential moving average of `params` and `model_state`, or None.
        stopped: early stopping has come; the replica does not change any more.
        numbers: the numeric fields that the step is made with, by name; see `numbers.NUMBERS`.
    """

    seed: Array
    step: Array
    params: Any
    model_state: Any
    opt_state: Any
    average: Any
    stopped: Array
    numbers: dict[str, Array]

    @property
    def variables(self) -> dict[str, Any]:
        """The network's variables as trained last."""
        return {"params": self.params, **self.model_state}

    @property
    def evaluated(self) -> dict[str, Any]:
        """The network's variables as evaluated: the moving average where one is kept."""
        return self.variables if self.average is None else self.average

    def key(self) -> Key:
        """Returns the key of the next step."""
        return jax.random.fold_in(jax.random.key(self.seed), self.step)


def init_state(
    seed: Array,
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    images: Array,
    average: bool,
    pretrained: Mapping[tuple[str, ...], Any] | None = None,
    numbers: Mapping[str, Array] | None = None,
) -> TrainState:
    """Returns the state of one replica before the first step; the seed may be traced.

    Args:
        seed: of the replica.
        model, optimizer: of the experiment.
        images: [n, h, w, c]; only a data-dependent initialization looks at more than their shape.
        average: whether an average of the weights is kept.
        pretrained: variables to start from in place of the network's own, by path.
        numbers: of the replica.
    """
    init_key = jax.random.fold_in(jax.random.key(seed), 2**31)  # no step has this number
    keys = {"params": init_key, "dropout": init_key}  # some noise goes on in evaluation
    variables = unflatten_dict(flatten_dict(dict(model.init(keys, images, train=False))) | dict(pretrained or {}))
    params = variables.pop("params", {})
    return TrainState(
        seed=jnp.asarray(seed, jnp.uint32),
        step=jnp.zeros((), jnp.int32),
        params=params,
        model_state=variables,
        opt_state=optimizer.init(params),
        average={"params": params, **variables} if average else None,
        stopped=jnp.zeros((), bool),
        numbers=dict(numbers or {}),
    )
