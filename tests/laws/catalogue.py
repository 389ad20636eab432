"""Everything there is, as lists that the laws run over: the entries of the tables, and a small network per family."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp

import deepvision as dv
from deepvision.layers.layers import TABLES
from deepvision.models import Description, Network


@dataclasses.dataclass(frozen=True)
class Small:
    """A network of the zoo, as small as it keeps all of its kinds of blocks.

    Attributes:
        name: in the zoo.
        shape: (h, w, c) of its input.
        overrides: what makes it small.
    """

    name: str
    shape: tuple[int, int, int]
    overrides: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return self.name

    def make(self, **choices: Any) -> Network:
        """Returns the network with the given layers."""
        return dv.create_model(self.name, overrides=dict(self.overrides), **choices)

    def shapes(self, **choices: Any) -> Any:
        """Returns the variables of the network, without values."""
        model = self.make(**choices)
        return jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct((1, *self.shape), jnp.float32))

    @functools.cache  # noqa: B019 (there are few of them)
    def describe(self, **choices: Any) -> Description:
        """Describes the network with the given layers."""
        return dv.describe(self.make(**choices), self.shape)


MLP = Small("mlp", (8, 8, 1), (("hidden", (32, 32)),))
LENET = Small("lenet5_modern", (32, 32, 1))
RESNET = Small("cifar_resnet20", (16, 16, 3), (("stage_sizes", (1, 1)), ("width", 32)))
BLOCK = Small("cifar_resnet20", (16, 16, 3), (("stage_sizes", (1,)), ("width", 32)))
VIT = Small("vit_micro_patch4_32", (8, 8, 3), (("depth", 1), ("width", 32)))

NETWORKS = (  # every block of every family is in one of them
    MLP,
    Small("lenet5_1998", (32, 32, 1)),
    LENET,
    Small("vgg11", (64, 64, 3), (("width", 8), ("hidden", 16))),
    RESNET,
    Small("cifar_plain20", (16, 16, 3), (("stage_sizes", (1, 1)), ("width", 8))),
    Small("resnet50", (64, 64, 3), (("stage_sizes", (1, 1)), ("width", 8))),
    VIT,
)

CHOICES_OF = {kind: tuple((kind, entry) for entry in table) for kind, table in TABLES.items()}
CHOICES = tuple(itertools.chain(*CHOICES_OF.values()))


def refuses(network: Small, choices: dict[str, str]) -> bool:
    """Tells whether one of the choices, alone, is refused by the network."""
    return any(_refuses(network, kind, entry) for kind, entry in choices.items())


@functools.cache
def _refuses(network: Small, kind: str, entry: str) -> bool:
    try:
        network.describe(**{kind: entry})
    except dv.UserError:
        return True
    return False


def pairwise() -> list[dict[str, str]]:
    """Returns layers, an entry of every table each, such that any two entries of two tables meet in some of them."""
    first, second, *others = sorted(TABLES, key=lambda kind: -len(TABLES[kind]))
    met: set[frozenset] = set()
    rows = []
    for row in itertools.product(CHOICES_OF[first], CHOICES_OF[second]):
        row = list(row)
        for kind in others:
            row.append(max(CHOICES_OF[kind], key=lambda choice: sum({choice, other} not in met for other in row)))
        met |= {frozenset(pair) for pair in itertools.combinations(row, 2)}
        rows.append(dict(row))
    return rows


def sample() -> list[dict[str, str]]:
    """Returns layers, an entry of every table each, such that every entry is in some of them."""
    longest = max(map(len, CHOICES_OF.values()))
    return [dict(choices[index % len(choices)] for choices in CHOICES_OF.values()) for index in range(longest)]
