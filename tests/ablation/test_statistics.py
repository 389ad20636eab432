"""One arm: mean, deviation and intervals over seeds, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepvision.ablation.statistics import Summary, bootstrap_interval, summarize


def test_four_seeds_by_hand():
    """sd = sqrt(5/3); t(0.975, 3) = 3.182446 from a printed table; half = 3.182446 * 1.290994 / 2."""
    summary = summarize([1.0, 2.0, 3.0, 4.0])
    assert (summary.n, summary.mean) == (4, 2.5)
    assert summary.sd == pytest.approx(1.2909944, abs=1e-7)
    assert summary.half_width == pytest.approx(2.0542602, abs=1e-6)


def test_the_interval_is_scipys():
    values = np.random.default_rng(0).normal(0.9, 0.02, size=7)
    summary = summarize(values)
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert summary.low == pytest.approx(low, rel=1e-12)
    assert summary.high == pytest.approx(high, rel=1e-12)


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_interval_covers_the_mean_in_95_percent_of_ablations(seeds):
    values = np.random.default_rng(seeds).normal(0.97, 0.004, size=(10_000, seeds))
    half = summarize(values[0]).half_width / summarize(values[0]).sd  # a function of the number of seeds alone
    covered = np.abs(values.mean(axis=1) - 0.97) <= half * values.std(axis=1, ddof=1)
    assert 0.94 < covered.mean() < 0.96
    few = [summarize(row) for row in values[:50]]
    assert [summary.low <= 0.97 <= summary.high for summary in few] == covered[:50].tolist()


def test_one_seed_has_no_interval():
    assert summarize([0.5]) == Summary(1, 0.5, None, None, None)
    assert summarize([0.5]).half_width is None
    assert bootstrap_interval([0.5]) is None


def test_equal_seeds_have_an_interval_without_length():
    summary = summarize([0.25, 0.25, 0.25])
    assert (summary.low, summary.high) == (0.25, 0.25)
    assert summarize([0.07] * 3) == Summary(3, 0.07, 0.0, 0.07, 0.07)
    assert bootstrap_interval([0.25, 0.25, 0.25]) == (0.25, 0.25)


def test_the_bootstrap_stays_within_the_data_and_repeats_itself():
    values = [0.99, 1.0, 1.0, 0.97, 1.0]
    low, high = bootstrap_interval(values)
    assert 0.97 <= low < np.mean(values) < high <= 1.0
    assert summarize(values).high > 1.0
    assert bootstrap_interval(values) == (low, high)


def test_the_bootstrap_of_many_values_is_the_t_interval():
    values = np.random.default_rng(2).normal(size=400)
    summary = summarize(values)
    assert bootstrap_interval(values) == pytest.approx((summary.low, summary.high), abs=0.1 * summary.half_width)


def test_the_bootstrap_of_few_seeds_is_as_short_as_its_docstring_says():
    rows = np.random.default_rng(3).normal(size=(400, 4))
    covered = [low <= 0 <= high for low, high in map(bootstrap_interval, rows)]
    assert np.mean(covered) == pytest.approx(0.81, abs=0.06)  # three standard errors
