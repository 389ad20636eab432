"""Analysis of variance, against a textbook and against its own definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepvision.ablation.statistics import analysis_of_variance


def test_montgomerys_radar_targets():
    """Design and analysis of experiments, example 5.6: clutter x filter type, operators as blocks; table 5.21."""
    low = [[90, 96, 100, 92], [86, 84, 92, 81]]
    medium = [[102, 106, 105, 96], [87, 90, 97, 80]]
    high = [[114, 112, 108, 98], [93, 91, 95, 83]]
    effects = {e.name: e for e in analysis_of_variance(np.array([low, medium, high]), ["clutter", "filter"])}
    expected = {
        "clutter": (335.58, 2, 15.13),
        "filter": (1066.67, 1, 96.19),
        "clutter × filter": (77.08, 2, 3.48),
        "seeds": (402.17, 3, None),
        "residual": (166.33, 15, None),
        "total": (2047.83, 23, None),
    }
    assert list(effects) == list(expected)
    for name, (squares, df, f) in expected.items():
        assert effects[name].sum_of_squares == pytest.approx(squares, abs=0.01)
        assert effects[name].df == df
        assert effects[name].f == (None if f is None else pytest.approx(f, abs=0.01))
    assert effects["clutter"].p == pytest.approx(0.0003, abs=5e-5)
    assert effects["clutter × filter"].p == pytest.approx(0.0575, abs=1e-4)
    assert effects["filter"].eta_squared == pytest.approx(1066.67 / 2047.83, abs=1e-4)


def test_two_levels_of_one_axis_are_the_paired_t_test():
    values = np.random.default_rng(0).normal(size=(2, 6))
    effect = analysis_of_variance(values, ["norm"])[0]
    paired = stats.ttest_rel(values[0], values[1])
    assert effect.f == pytest.approx(paired.statistic**2)
    assert effect.p == pytest.approx(paired.pvalue)


def test_the_sums_of_squares_and_the_degrees_of_freedom_add_up():
    effects = analysis_of_variance(np.random.default_rng(1).normal(size=(2, 3, 4, 5)), ["a", "b", "c"])
    assert [e.name for e in effects[:-3]] == ["a", "b", "c", "a × b", "a × c", "b × c", "higher orders"]
    assert sum(e.sum_of_squares for e in effects[:-1]) == pytest.approx(effects[-1].sum_of_squares)
    assert sum(e.df for e in effects[:-1]) == effects[-1].df == 119


def test_an_effect_is_found_where_it_was_put():
    a, b = np.array([0.0, 1.0])[:, None, None], np.array([0.0, 2.0, 4.0])[None, :, None]
    noise = 0.01 * np.random.default_rng(2).normal(size=(2, 3, 4))
    found = {e.name: e for e in analysis_of_variance(a + b + 3.0 * np.arange(4) + noise, ["a", "b"])}
    assert found["a"].sum_of_squares == pytest.approx(24 * 0.25, rel=0.05)
    assert found["b"].sum_of_squares == pytest.approx(24 * 8 / 3, rel=0.05)
    assert found["a × b"].p > 0.001
    assert found["seeds"].sum_of_squares == pytest.approx(24 * 9 * 1.25, rel=0.05)


def test_p_values_are_uniform_under_the_null():
    rng = np.random.default_rng(3)
    p = [analysis_of_variance(rng.normal(size=(2, 3, 4)), ["a", "b"])[2].p for _ in range(600)]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_arms_without_any_spread_have_no_test():
    found = analysis_of_variance(np.broadcast_to(np.array([1.0, 2.0])[:, None], (2, 3)), ["a"])[0]
    assert (found.f, found.p) == (None, None)
    assert found.eta_squared == pytest.approx(1.0)


@pytest.mark.parametrize("values", [np.ones((2, 2, 1)), np.array([[1.0, np.nan], [1.0, 2.0]])])
def test_missing_values_and_single_seeds_are_refused(values):
    with pytest.raises(ValueError, match="same two or more seeds"):
        analysis_of_variance(values, ["a", "b"][: values.ndim - 1])
