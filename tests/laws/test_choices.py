"""Any layer in any network: it stands at every site of its kind, or the network says why it cannot."""

from __future__ import annotations

import itertools
import re

import pytest

from deepvision.errors import UserError
from deepvision.layers.layers import TABLES
from deepvision.models import MODELS, create_model
from tests.laws.catalogue import CHOICES, LENET, NETWORKS, RESNET, VIT

_RESIDUAL = "changes the width and cannot follow a residual sum"
# Why a network may refuse an entry of a table; any other refusal is a defect.
REFUSALS = {
    ("mlp", "attention"): r"needs (positions|images), .*, got shape \(1, 16\)",
    ("vit_micro_patch4_32", "attention"): r"needs images \[n, h, w, c\], got shape \(1, 5, 16\)",
    ("lenet5_1998", "norm"): r"at c5/norm: a single position \(1, 1, 1, 120\) has no variance",
    ("lenet5_1998", "act"): "changes the width, and table I",
    **{(str(network), "act"): _RESIDUAL for network in NETWORKS if "resnet" in str(network)},
}
# An LRN stands in these where their paper puts it, any other norm everywhere.
LRN_SITES = {"vgg11": ["conv1_1/norm"], "vgg11_bn": ["conv1_1/norm"]}


def _paths(description, kind):
    return [site.path for site in description.sites if site.kind == kind]


def test_every_family_is_in_the_catalogue():
    assert {type(create_model(name)) for name in MODELS} == {type(network.make()) for network in NETWORKS}


@pytest.mark.parametrize("network", NETWORKS, ids=str)
@pytest.mark.parametrize("kind", TABLES)
def test_a_choice_stands_at_every_site_of_its_kind(network, kind):
    default = network.describe()
    for entry in TABLES[kind]:
        try:
            swapped = network.describe(**{kind: entry})
        except UserError as refusal:
            reason = REFUSALS.get((str(network), kind))
            assert reason and re.search(reason, str(refusal)), f"{kind} {entry}: {refusal}"
            continue
        only = LRN_SITES.get(str(network)) if entry == "lrn" else None
        assert set(swapped.count(kind)) <= {entry}
        assert set(only or _paths(default, kind)) <= set(_paths(swapped, kind)), entry
        for other in TABLES:
            assert other == kind or set(swapped.count(other)) <= _held(network, other, default), (entry, other)


def _held(network, kind, default):
    """Returns what may stand at the sites of a kind that was not swapped, also where the swap brings new ones."""
    return {*default.count(kind), getattr(network.make().layers, kind).name}


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_few_choices_are_refused(network):
    def refused(kind, entry):
        try:
            network.describe(**{kind: entry})
        except UserError:
            return True
        return False

    assert sum(refused(kind, entry) for kind, entry in CHOICES) <= len(CHOICES) / 8


def _covering():
    """Yields layers such that every pair of entries of two tables stands together in one of them at least."""
    tables = {kind: list(table) for kind, table in TABLES.items()}
    first, second = sorted(tables, key=lambda kind: -len(tables[kind]))[:2]
    pending = {
        frozenset(((a, x), (b, y)))
        for a, b in itertools.combinations(tables, 2)
        for x in tables[a]
        for y in tables[b]
    }
    return tables, first, second, pending


@pytest.mark.parametrize("network", [LENET, RESNET, VIT], ids=str)
def test_choices_go_together(network):
    pass
