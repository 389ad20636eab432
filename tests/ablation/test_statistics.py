"""Statistics over seeds, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepvision.ablation.statistics import Summary, summarize


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


def test_the_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    summaries = [summarize(row) for row in rng.normal(size=(4000, 4))]
    covered = np.mean([summary.low <= 0.0 <= summary.high for summary in summaries])
    assert covered == pytest.approx(0.95, abs=0.012)  # 3.5 standard errors


def test_one_seed_has_no_interval():
    assert summarize([0.5]) == Summary(1, 0.5, None, None, None)
    assert summarize([0.5]).half_width is None


def test_equal_seeds_have_an_interval_without_length():
    summary = summarize([0.25, 0.25, 0.25])
    assert (summary.low, summary.high) == (0.25, 0.25)


def test_overlap():
    a, b, c = (Summary(2, (low + high) / 2, 1.0, low, high) for low, high in [(0, 2), (1, 3), (2.5, 4)])
    assert a.overlaps(b)
    assert b.overlaps(a)
    assert not a.overlaps(c)
    assert b.overlaps(c)
    assert a.overlaps(Summary(1, 1.0, None, None, None)) is None
