"""Any layer in any network: it stands at every site of its kind, or the network says why it cannot."""

from __future__ import annotations

import itertools
import re

import pytest

from deepvision.errors import UserError
from deepvision.layers.layers import NOISES, PLACEMENTS, TABLES
from deepvision.models import MODELS, create_model
from tests.laws.catalogue import BLOCK, CHOICES, CHOICES_OF, LENET, NETWORKS, VIT, outcomes, pairwise, refuses

# Why two entries may refuse each other, by what attention blocks hold inside.
TOGETHER = "filters of one weight, .* do not deviate from their mean|channels cannot come out of it"

TRIO = (BLOCK, VIT, LENET)
PAIRWISE = pairwise()


def _paths(description, kind):
    return [site.path for site in description.sites if site.kind == kind]


def test_every_family_is_in_the_catalogue():
    assert {type(create_model(name)) for name in MODELS} == {type(network.make()) for network in NETWORKS}


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_a_choice_stands_at_every_site_of_its_kind_or_is_refused_with_the_reason(network):
    default = network.describe()
    refused = 0
    for (kind, entry), outcome in outcomes(network).items():
        if isinstance(outcome, UserError):
            reason = dict(network.refusals).get(kind)
            assert reason and re.search(reason, str(outcome)), f"{kind} {entry}: {outcome}"
            refused += 1
            continue
        assert set(outcome.count(kind)) <= {entry}
        only = network.lrn_sites if entry == "lrn" else None
        assert set(only or _expected(default, kind, outcome)) <= set(_paths(outcome, kind)), (kind, entry)
    assert refused <= len(CHOICES) / 8


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_a_choice_leaves_other_kinds_alone(network):
    default = network.describe()
    for kind in TABLES:
        accepted = [entry for (of, entry), outcome in outcomes(network).items() if of == kind and _is_fine(outcome)]
        swapped = network.describe(**{kind: accepted[-1]})
        for other in TABLES:
            assert other == kind or set(swapped.count(other)) <= _held(network, other, default), (kind, other)


def _expected(default, kind, swapped):
    """Returns the sites of a kind, without those inside of attention blocks if other blocks stand there now."""
    if default.count("attention") == swapped.count("attention"):
        return _paths(default, kind)
    blocks = tuple(f"{path}/" for path in _paths(default, "attention"))
    return [path for path in _paths(default, kind) if not path.startswith(blocks)]


def _is_fine(outcome):
    return not isinstance(outcome, UserError)


@pytest.mark.parametrize("network", NETWORKS, ids=str)
@pytest.mark.parametrize("kind", NOISES)
def test_noise_stands_at_every_site_of_its_kind(network, kind):
    sites = None
    for entry in NOISES[kind]:
        description = network.describe(**{kind: f"{entry}(rate=0.2)"})
        held = [site for site in description.sites if site.kind == NOISES[kind][entry].kind]
        assert {site.holds for site in held} <= {entry, *network.describe().count("dropout")}
        sites = sites or [site.path for site in held]
        assert [site.path for site in held] == sites, entry


@pytest.mark.parametrize("network", NETWORKS, ids=str)
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_placement_keeps_every_site_or_is_refused(network, placement):
    if placement in network.placeless:
        with pytest.raises(UserError, match=f"placement '{placement}'"):
            network.describe(placement=placement)
        return
    default, moved = network.describe(), network.describe(placement=placement)
    for kind in TABLES:
        lost = len(_paths(default, kind)) - len(_paths(moved, kind))
        assert lost <= _may_lose(network, placement, kind), kind


def _may_lose(network, placement, kind):
    """Returns how many sites of a kind a placement does without."""
    pattern = dict(network.lost_norms).get(placement)
    return sum(bool(pattern and re.fullmatch(pattern, path)) for path in _paths(network.describe(), kind))


def _held(network, kind, default):
    """Returns what may stand at the sites of a kind that was not swapped, also where the swap brings new ones."""
    return {*default.count(kind), getattr(network.make().layers, kind).name}


@pytest.mark.parametrize("act", TABLES["act"])
def test_choices_go_together(act):
    """Every pair of entries of two tables meets in one of three networks."""
    for index, choices in enumerate(PAIRWISE):
        if choices["act"] != act:
            continue
        turn = (TRIO[(index + step) % len(TRIO)] for step in range(len(TRIO)))
        network = next(network for network in turn if not refuses(network, choices))
        try:
            described = network.describe(**choices)
        except UserError as refusal:
            assert re.search(TOGETHER, str(refusal)), choices
            continue
        for kind, entry in choices.items():
            assert set(described.count(kind)) <= {entry}, (network, choices)


def test_the_pairs_are_all():
    met = {frozenset(pair) for choices in PAIRWISE for pair in itertools.combinations(choices.items(), 2)}
    tables = itertools.combinations(CHOICES_OF.values(), 2)
    assert met == {frozenset(pair) for first, second in tables for pair in itertools.product(first, second)}
