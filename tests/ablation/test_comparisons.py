"""Arms against a baseline: tests, effect sizes, corrections, power, against scipy and published numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from deepvision.ablation.statistics import (
    hedges_correction,
    holm,
    mean_ranks,
    paired_test,
    power,
    probability_of_improvement,
    resolvable_difference,
    seeds_to_resolve,
    summarize,
)

# Student 1908: additional hours of sleep of ten patients under two drugs; t = 4.06 and p = 0.0028.
_DEXTRO = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
_LAEVO = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)


def test_students_own_example():
    found = paired_test(_LAEVO, _DEXTRO)
    assert found.summary.mean == pytest.approx(1.58)
    assert found.t == pytest.approx(4.0621, abs=1e-4)
    assert found.p == pytest.approx(0.002833, abs=1e-6)
    assert (found.summary.low, found.summary.high) == pytest.approx((0.7001, 2.4599), abs=1e-4)
    assert found.d_z == pytest.approx(4.0621 / math.sqrt(10), abs=1e-4)
    assert found.g_z == pytest.approx(found.d_z * (1 - 3 / (4 * 9 - 1)), rel=2e-3)


def test_the_paired_test_is_scipys():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 6))
    found, scipys = paired_test(a, b), stats.ttest_rel(a, b)
    assert (found.t, found.p) == pytest.approx((scipys.statistic, scipys.pvalue), rel=1e-12)


def test_pairs_that_cannot_be_tested():
    assert (paired_test([0.5], [0.4]).p, paired_test([0.5], [0.4]).d_z) == (None, None)
    same = paired_test([0.5, 0.25], [0.5, 0.25])
    assert (same.t, same.p, same.d_z, same.g_z) == (0.0, 1.0, None, None)
    constant = paired_test([0.5, 0.75], [0.25, 0.5])
    assert (constant.t, constant.p) == (None, None)
    rounded = paired_test([0.97, 0.99, 0.98], [0.90, 0.92, 0.91])
    assert (rounded.p, rounded.d_z) == (None, None)
    assert paired_test([0.5, 0.7], [0.4, 0.5]).g_z is None  # Hedges' correction of one degree of freedom is 0


def test_hedges_correction_by_hand():
    """From Gamma(1/2) = sqrt(pi) and Gamma(x + 1) = x Gamma(x)."""
    assert hedges_correction(2) == pytest.approx(math.sqrt(1 / math.pi))
    assert hedges_correction(3) == pytest.approx(math.sqrt(math.pi / 6))
    assert hedges_correction(4) == pytest.approx(math.sqrt(2 / math.pi))
    assert hedges_correction(40) == pytest.approx(1 - 3 / (4 * 40 - 1), abs=1e-4)


def test_hedges_correction_takes_the_bias_away():
    differences = np.random.default_rng(1).normal(0.8, 1.0, size=(40_000, 5))
    d = differences.mean(axis=1) / differences.std(axis=1, ddof=1)
    assert d.mean() > 0.95
    assert d.mean() * hedges_correction(4) == pytest.approx(0.8, abs=0.02)


def test_probability_of_improvement_counts_all_pairs():
    assert probability_of_improvement([3, 4], [1, 2]) == 1.0
    assert probability_of_improvement([1, 2], [1, 2]) == 0.5
    assert probability_of_improvement([1, 4, 5], [2, 4]) == pytest.approx((1 + 1 + 0.5 + 1) / 6)
    a, b = np.random.default_rng(2).normal(size=(2, 9))
    assert probability_of_improvement(a, b[:7]) == pytest.approx(stats.mannwhitneyu(a, b[:7]).statistic / 63)


def test_holm_by_hand():
    """Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, never falling: 0.02, 0.03, 0.06, 0.06."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([0.03]) == [0.03]


def test_false_calls_under_the_null_stay_below_five_percent_of_ablations():
    """Eight arms, all like the baseline, 10,000 times; vectorized, and a sample of it by the functions themselves."""
    values = np.random.default_rng(4).normal(size=(10_000, 9, 4))
    p = stats.ttest_rel(values[:, 1:], values[:, :1], axis=2).pvalue
    called = p.min(axis=1) < 0.05 / 8  # Holm calls any arm if and only if it calls the smallest p
    assert 0.02 < called.mean() <= 0.05
    for ablation in range(100):
        found = [paired_test(arm, values[ablation, 0]).p for arm in values[ablation, 1:]]
        assert (min(holm(found)) < 0.05) == called[ablation]


@pytest.mark.parametrize(("effect", "wanted", "n"), [(0.2, 0.8, 199), (0.5, 0.8, 34), (0.8, 0.8, 15), (0.5, 0.9, 44)])
def test_seeds_are_those_of_the_tables(effect, wanted, n):
    """G*Power 3.1, t tests, difference between two dependent means, two tails, alpha 0.05."""
    assert seeds_to_resolve(effect, 1.0, wanted) == n
    assert seeds_to_resolve(-3 * effect, 3.0, wanted) == n
    assert power(effect, n) >= wanted > power(effect, n - 1)


def test_power_is_how_often_the_test_finds_the_difference():
    differences = np.random.default_rng(5).normal(1.2, 1.0, size=(20_000, 6))
    found = stats.ttest_1samp(differences, 0.0, axis=1).pvalue < 0.05
    assert power(1.2, 6) == pytest.approx(found.mean(), abs=0.01)
    assert power(0.0, 6) == pytest.approx(0.05, abs=1e-6)


def test_the_resolvable_difference_has_that_power():
    found = resolvable_difference(0.3, 4, alpha=0.0125)
    assert power(found / 0.3, 4, 0.0125) == pytest.approx(0.8, abs=1e-6)
    assert resolvable_difference(0.0, 4) == 0.0


def test_power_at_the_ends():
    assert seeds_to_resolve(1e-6, 1.0) is None
    assert seeds_to_resolve(0.1, 0.0) == 2
    assert seeds_to_resolve(100.0, 1.0) <= 3
    assert power(1000.0, 50) == 1.0
    assert math.isfinite(resolvable_difference(1.0, 2, alpha=0.001))


def test_ranks_are_friedmans():
    """Demsar 2006, table 6: four classifiers on fourteen data sets, mean ranks 3.143, 2.000, 2.893, 1.964."""
    auc = [
        (0.763, 0.768, 0.771, 0.798),
        (0.599, 0.591, 0.590, 0.569),
        (0.954, 0.971, 0.968, 0.967),
        (0.628, 0.661, 0.654, 0.657),
        (0.882, 0.888, 0.886, 0.898),
        (0.936, 0.931, 0.916, 0.931),
        (0.661, 0.668, 0.609, 0.685),
        (0.583, 0.583, 0.563, 0.625),
        (0.775, 0.838, 0.866, 0.875),
        (1.000, 1.000, 1.000, 1.000),
        (0.940, 0.962, 0.965, 0.962),
        (0.619, 0.666, 0.614, 0.669),
        (0.972, 0.981, 0.9751, 0.975),
        (0.957, 0.978, 0.946, 0.970),
    ]
    found = mean_ranks(auc)
    assert found.mean == pytest.approx((3.143, 2.000, 2.893, 1.964), abs=1e-3)
    assert found.critical_difference == pytest.approx(1.25, abs=0.01)
    assert found.p < 0.05
    assert mean_ranks(-np.array(auc), higher_is_better=False) == found


def test_ranks_that_cannot_be_tested():
    assert mean_ranks([[0.5, 0.6], [0.5, 0.7]]).p is None
    assert mean_ranks([[0.5, 0.6, 0.7]]).p is None
    assert mean_ranks([[0.5, 0.5, 0.5], [0.6, 0.6, 0.6]]).p == 1.0


def test_d_is_in_units_of_the_differences_own_spread():
    assert paired_test([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]).d_z == pytest.approx(2.0)
    assert summarize([1.0, 2.0, 3.0]).sd == pytest.approx(1.0)
