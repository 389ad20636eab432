"""What the statistics say of whole ablations, and the words for it."""

from __future__ import annotations

import math

import pytest

from deepvision.ablation.analysis import analyse
from deepvision.ablation.merge import read_results
from deepvision.ablation.verdict import power_line, verdict
from deepvision.errors import UserError
from tests.ablation.study import noise, write

_NORMS = ("none", "batch", "layer")
_GOOD = {"none": 0.90, "batch": 0.95, "layer": 0.8}


def _analysis(folder, axes, value, seeds=4, changes=None, failures=None, metric=""):
    return analyse(read_results(write(folder, axes, value, seeds, changes, failures), metric))


def _apart(arm, seed):
    return _GOOD[arm.model.norm] + 0.06 * math.sin(seed) + 0.001 * noise(arm, seed)


def _alike(arm, seed):
    return 0.9 + 0.01 * noise(arm, seed)


def test_arms_that_differ_are_told_apart_and_named(tmp_path):
    analysis = _analysis(tmp_path, {"model.norm": _NORMS}, _apart)
    assert [c.verdict(analysis.results) for c in analysis.comparisons] == ["better", "worse"]
    text = verdict(analysis)
    assert text.startswith("Against norm=none, over 4 paired seeds: norm=batch (+")
    assert " points) is better; norm=layer (−" in text
    assert text.endswith("is worse (at 5 %, corrected by Holm for 2 comparisons).")


def test_pairing_sees_what_intervals_hide(tmp_path):
    """The luck of a seed is shared: the intervals of the means overlap, the paired difference is clear."""
    analysis = _analysis(tmp_path, {"model.norm": ("none", "batch")}, _apart)
    none, batch = (analysis.results.summary(arm) for arm in analysis.results.arms)
    assert none.high > batch.low
    assert analysis.comparisons[0].paired.summary.sd < 0.1 * none.sd
    assert analysis.comparisons[0].p_holm < 0.001


def test_of_a_loss_less_is_better(tmp_path):
    analysis = _analysis(tmp_path, {"model.norm": _NORMS}, _apart, metric="loss")
    batch = analysis.comparisons[0]
    assert batch.paired.summary.mean < 0
    assert batch.verdict(analysis.results) == "better"
    assert batch.better > 0.5
    assert analysis.results.best[0].name == "norm=batch"


def test_arms_that_are_alike_are_not_called_equal(tmp_path):
    analysis = _analysis(tmp_path, {"model.norm": _NORMS}, _alike)
    text = verdict(analysis)
    assert "norm=batch and norm=layer cannot be told from it" in text
    assert "better" not in text
    assert "equal" not in text
    assert "would be found in 80 % of repetitions" in power_line(analysis)


def test_one_seed_has_no_test_and_says_so(tmp_path):
    analysis = _analysis(tmp_path, {"model.norm": _NORMS}, _apart, seeds=1)
    assert [c.p_holm for c in analysis.comparisons] == [None, None]
    assert [c.verdict(analysis.results) for c in analysis.comparisons] == ["untested", "untested"]
    assert verdict(analysis).endswith("but with one seed per arm luck cannot be told from merit.")
    assert power_line(analysis) is None


def test_seeds_for_delta_are_said(tmp_path):
    analysis = _analysis(tmp_path, {"model.norm": _NORMS}, _alike, changes={"ablation.delta": 0.002})
    assert analysis.seeds_needed == max(c.seeds_needed for c in analysis.comparisons)
    assert f"in every arm takes about {analysis.seeds_needed:,} seeds" in power_line(analysis)
    assert "To find 0.20 points" in power_line(analysis)


def test_pairs_are_the_seeds_that_both_have(tmp_path):
    analysis = _analysis(tmp_path, {"model.norm": _NORMS}, _apart, failures={"batch": {1: "loss is nan"}})
    assert [c.seeds for c in analysis.comparisons] == [(0, 2, 3), (0, 1, 2, 3)]
    assert "norm=batch: 1 of 4 seeds failed; its numbers are those of the other 3, which flatters it" in analysis.notes
    assert "points, where 1 of 4 seeds failed) is better" in verdict(analysis)
    assert "over 3 to 4 paired seeds" in verdict(analysis)


def test_a_baseline_without_a_result_is_said(tmp_path):
    def value(arm, seed):
        return math.nan if arm.model.norm == "none" else _apart(arm, seed)

    analysis = _analysis(tmp_path, {"model.norm": _NORMS}, value)
    assert analysis.comparisons == ()
    assert verdict(analysis).endswith("but the baseline norm=none has no result to compare with.")


def test_nothing_finished_and_nothing_to_compare(tmp_path):
    nothing = _analysis(tmp_path / "a", {"model.norm": _NORMS}, lambda arm, seed: math.nan)
    assert verdict(nothing) == "No arm has finished."
    alone = _analysis(tmp_path / "b", {"model.norm": ("none",)}, _apart)
    assert verdict(alone) == "No other arm has finished to compare with norm=none."


def test_many_arms_are_counted_not_listed(tmp_path):
    rates = tuple(0.01 * i for i in range(1, 8))

    def value(arm, seed):
        return arm.optimizer.learning_rate * (1 + 0.01 * seed)

    analysis = _analysis(tmp_path, {"optimizer.learning_rate": rates}, value)
    assert "6 arms, most of all learning_rate=0.07 (+6.09 points), are better" in verdict(analysis)


def test_differences_without_spread_are_not_tested(tmp_path):
    analysis = _analysis(tmp_path, {"model.norm": _NORMS}, lambda arm, seed: 0.75 if arm.model.norm == "none" else 0.5)
    assert {comparison.verdict(analysis.results) for comparison in analysis.comparisons} == {"untested"}
    assert "but with differences equal in all seeds luck cannot be told from merit" in verdict(analysis)


def test_axes_are_taken_apart(tmp_path):
    def value(arm, seed):
        return _GOOD[arm.model.norm] + 0.001 * noise(arm, seed)

    axes = {"model.norm": _NORMS, "model.act": ("relu", "gelu")}
    found = {effect.name: effect for effect in _analysis(tmp_path, axes, value).effects}
    assert list(found) == ["norm", "act", "norm × act", "seeds", "residual", "total"]
    assert found["norm"].p < 1e-6
    assert found["act"].p > 0.001
    assert found["norm"].eta_squared > 0.95


def test_an_unbalanced_design_says_so(tmp_path):
    axes = {"model.norm": _NORMS, "model.act": ("relu", "gelu")}
    uneven = _analysis(tmp_path / "a", axes, _alike, failures={"norm=batch,act=gelu": {0: "loss is nan"}})
    assert {e.name: e.df for e in uneven.effects}["seeds"] == 2
    assert "unbalanced: the analysis of variance is over the 3 seeds that all arms have in common" in uneven.notes

    def value(arm, seed):
        return math.nan if (arm.model.norm, arm.model.act) == ("layer", "relu") else _alike(arm, seed)

    missing = _analysis(tmp_path / "b", axes, value)
    assert missing.effects == ()
    assert any("no analysis of variance" in note and "layer, relu" in note for note in missing.notes)
    single = _analysis(tmp_path / "c", axes, _alike, seeds=1)
    assert "the arms share fewer than two seeds, hence no analysis of variance" in single.notes


def test_arms_are_compared_within_their_data_set_and_ranked_over_all(tmp_path):
    base = {"digits": 0.9, "mnist": 0.7, "svhn": 0.5}

    def value(arm, seed):
        return base[arm.data.name] + _GOOD[arm.model.norm] / 10 + 0.0001 * noise(arm, seed)

    analysis = _analysis(tmp_path, {"data.name": tuple(base), "model.norm": _NORMS}, value)
    assert [(c.arm.labels[0], c.baseline.labels) for c in analysis.comparisons] == [
        (name, (name, "none")) for name in base for _ in range(2)
    ]
    assert analysis.ranks.labels == ("none", "batch", "layer")
    assert analysis.ranks.ranks.mean == (2.0, 1.0, 3.0)
    assert [arm.name for arm in analysis.results.best] == [f"name={name},norm=batch" for name in base]
    assert verdict(analysis).startswith("Against norm=none with the same data set")


def test_an_axis_may_set_the_problem(tmp_path):
    def value(arm, seed):
        return 0.5 + arm.data.batch_size / 1000 + _GOOD[arm.model.norm] / 10 + 0.001 * noise(arm, seed)

    axes = {"model.norm": ("none", "batch"), "data.batch_size": (8, 64)}
    analysis = _analysis(tmp_path, axes, value, changes={"ablation.within": ("data.batch_size",)})
    assert [c.baseline.labels for c in analysis.comparisons] == [("none", "8"), ("none", "64")]
    assert verdict(analysis).startswith("Against norm=none with the same batch_size")


def test_what_sets_the_problem_is_an_axis(tmp_path):
    with pytest.raises(UserError, match="unknown axis in config.ablation.within 'model.act'"):
        _analysis(tmp_path, {"model.norm": _NORMS}, _alike, changes={"ablation.within": ("model.act",)})


def test_arms_without_a_data_set_are_not_ranked(tmp_path):
    def value(arm, seed):
        return math.nan if (arm.data.name, arm.model.norm) == ("mnist", "layer") else _alike(arm, seed)

    analysis = _analysis(tmp_path, {"data.name": ("digits", "mnist"), "model.norm": _NORMS}, value)
    assert analysis.ranks.labels == ("none", "batch")
    assert analysis.ranks.ranks.p is None
    assert "not ranked, for lack of a data set: layer" in analysis.notes
