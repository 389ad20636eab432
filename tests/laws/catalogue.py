"""Everything there is, as lists that the laws run over: the entries of the tables, alone and together."""

from __future__ import annotations

import functools
import itertools

import deepvision as dv
from deepvision.layers.layers import TABLES
from tests.laws.zoo import NETWORKS, Small

_BY_NAME = {network.name: network for network in NETWORKS}
MLP, LENET, RESNET = (_BY_NAME[name] for name in ("mlp", "lenet5_modern", "cifar_resnet20"))
BLOCK = Small("cifar_resnet20", (16, 16, 3), (("stage_sizes", (1,)), ("width", 32)))
VIT = _BY_NAME["vit_micro_patch4_32"]

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
