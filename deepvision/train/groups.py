"""Groups of parameters that learn in a way of their own: who belongs to one, and what is different there.

Each entry names its members by a wildcard of their paths, "conv1/norm/bias". Of several groups with the same member,
factors multiply, and decays add up.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from deepvision.checks import check_number
from deepvision.choices import resolve
from deepvision.errors import UserError
from deepvision.params import is_kernel
from deepvision.train.numbers import is_off

FIELD = "optimizer.groups"


@dataclasses.dataclass(frozen=True)
class Group:
    """What the groups share.

    Attributes:
        of: wildcard of the parameters that belong to it.
    Raises: UserError for an argument outside its range.
    """

    of: str = "*"

    def __post_init__(self) -> None:
        if not isinstance(self.of, str):
            raise UserError(f"{FIELD}: of must be a wildcard such as '*norm*/bias', got {self.of!r}")

    def members(self, params: Any) -> Any:
        """Returns a tree of booleans: which parameters belong to it."""
        return named((self.of,), params)

    def transformation(self, steps_per_epoch: float) -> optax.GradientTransformation:
        """Returns what it does to finished updates."""
        return optax.identity()


@dataclasses.dataclass(frozen=True)
class Rate(Group):
    """update becomes factor update: a learning rate that is so many times the others'.

    Where the decay is part of the update, as of every optimizer here, it is multiplied too.

    Attributes:
        of: wildcard of the parameters.
        factor: at least 0; at 0 they stay as they are.
    """

    factor: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(f"{FIELD}: rate", "factor", self.factor, 0)

    def transformation(self, steps_per_epoch: float) -> optax.GradientTransformation:
        return optax.masked(optax.scale(self.factor), self.members)


@dataclasses.dataclass(frozen=True)
class Freeze(Group):
    """update becomes 0 from the end of an epoch on; what is moved there by nothing else stays as it is.

    Attributes:
        of: wildcard of the parameters.
        epochs: for how long they learn, at least 0.
    """

    epochs: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(f"{FIELD}: freeze", "epochs", self.epochs, 0)

    def transformation(self, steps_per_epoch: float) -> optax.GradientTransformation:
        steps = round(self.epochs * steps_per_epoch)
        return optax.masked(optax.scale_by_schedule(lambda step: jnp.where(step < steps, 1.0, 0.0)), self.members)


@dataclasses.dataclass(frozen=True)
class Decay(Group):
    """The members' weight decay is `weight`, whatever they are, in place of `optimizer.weight_decay` for kernels alone.

    Attributes:
        of: wildcard of the parameters.
        weight: at least 0.
    """

    weight: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(f"{FIELD}: decay", "weight", self.weight, 0)


GROUPS = {"rate": Rate, "freeze": Freeze, "decay": Decay}


def make_groups(config: ConfigDict) -> tuple[Group, ...]:
    """Returns the groups of the section `optimizer`."""
    return tuple(resolve(GROUPS, choice, "group of parameters")() for choice in config.groups)


def weight_decay(config: ConfigDict) -> optax.GradientTransformation:
    """Returns what adds decay times weights to the updates: of kernels, or as groups have it.

    Args:
        config: the section `optimizer`; its weight_decay may be traced.
    """
    own = [group for group in make_groups(config) if isinstance(group, Decay)]

    def others(params: Any) -> Any:
        kernels = jax.tree_util.tree_map_with_path(is_kernel, params)
        return jax.tree.map(
            lambda kernel, *taken: kernel and not any(taken), kernels, *(g.members(params) for g in own)
        )

    parts = [optax.add_decayed_weights(group.weight, mask=group.members) for group in own]
    if not is_off("optimizer.weight_decay", config.weight_decay):
        parts.append(optax.add_decayed_weights(config.weight_decay, mask=others))
    return optax.chain(*parts) if parts else optax.identity()


def named(patterns: Sequence[str], params: Any) -> Any:
    """Returns a tree of booleans: which parameters have a name that one of the wildcards matches."""

    def matches(path: tuple[Any, ...], _: Any) -> bool:
        return any(fnmatch.fnmatchcase(_name(path), pattern) for pattern in patterns)

    return jax.tree_util.tree_map_with_path(matches, params)


def must_name(field: str, patterns: Sequence[str]) -> optax.GradientTransformation:
    """Returns what changes no update, and raises a UserError, when its state is made, for wildcards of no parameter.

    Args:
        field: of the config, for the message.
    """

    def check(params: Any) -> optax.EmptyState:
        names = [_name(path) for path, _ in jax.tree.leaves_with_path(params)]
        for pattern in patterns:
            if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
                outermost = ", ".join(sorted({name.split("/")[0] for name in names}))
                raise UserError(f"{field}: no parameter is called {pattern!r}; they start with {outermost}")
        return optax.EmptyState()

    return optax.GradientTransformation(check, lambda updates, state, params=None: (updates, state))


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
