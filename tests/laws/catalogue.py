"""Everything there is, as lists that the laws run over: the entries of the tables, alone and together.

Of activations, by far the most, every second one is tried in a network by default, and the others in the next network;
with DEEPVISION_TEST_ALL=1 all are tried in every one.
"""

from __future__ import annotations

import functools
import itertools
import os

from deepvision.errors import UserError
from deepvision.layers.layers import TABLES
from deepvision.layers.norms import NORMS
from deepvision.models import Description
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
    return isinstance(_outcome(network, kind, entry), UserError)


@functools.cache
def outcomes(network: Small) -> dict[tuple[str, str], Description | UserError]:
    """Returns what comes of every entry of every table in a network: a description, or the reason why it is refused.

    Entries of different tables are tried together, and one by one where that is refused, or where a norm stands for
    activations too.
    """
    found = {}
    first, step = (0, 1) if os.environ.get("DEEPVISION_TEST_ALL") else (NETWORKS.index(network) % 2, 2)
    for choices in sample(CHOICES_OF | {"act": CHOICES_OF["act"][first::step]}):
        try:
            together = network.describe(**choices)
        except UserError:
            together = None
        for kind, entry in choices.items():
            alone = together is None or (kind == "act" and NORMS[choices["norm"]].activates)
            if (kind, entry) not in found:
                found[kind, entry] = _outcome(network, kind, entry) if alone else together
    return found


def _outcome(network: Small, kind: str, entry: str) -> Description | UserError:
    try:
        return network.describe(**{kind: entry})
    except UserError as refusal:
        return refusal


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


def sample(choices_of: dict[str, tuple[tuple[str, str], ...]] = CHOICES_OF) -> list[dict[str, str]]:
    """Returns layers, an entry of every table each, such that every entry is in some of them."""
    longest = max(map(len, choices_of.values()))
    return [dict(choices[index % len(choices)] for choices in choices_of.values()) for index in range(longest)]
