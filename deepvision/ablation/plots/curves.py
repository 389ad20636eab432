"""How every arm got where it is."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deepvision.ablation.analysis import Analysis
from deepvision.ablation.plots.style import COLOURS, MUTED, colour, new_panels
from deepvision.ablation.results import ArmResult, Results
from deepvision.ablation.statistics import summarize


def draw_curves(analysis: Analysis) -> Figure:
    """Draws the metric on the held-out split along training: the mean over seeds, and its 95 % t-interval as a band.

    A panel for every data set. Beyond eight arms, the eight with the best means have colours, the others are grey.
    """
    results = analysis.results
    panels = {
        condition: [arm for arm in arms if curve(arm, results.metric.name)[0].size]
        for condition, arms in results.conditions.items()
    }
    figure, all_axes = new_panels(len(panels), 3.1)
    for axes, (condition, arms) in zip(all_axes, panels.items(), strict=True):
        axes.set_title(", ".join(condition), fontsize=9)
        if arms:
            _draw_panel(axes, results, arms)
    return figure


def _draw_panel(axes: Axes, results: Results, arms: list[ArmResult]) -> None:
    metric = results.metric
    ranked = sorted(arms, key=lambda arm: -results.goodness(results.summary(arm).mean))
    first = {arm.name for arm in ranked[: len(COLOURS)]}
    coloured = [arm for arm in arms if arm.name in first]
    for arm in [arm for arm in arms if arm.name not in first]:
        epochs, mean, _ = curve(arm, metric.name)
        axes.plot(epochs, mean * metric.scale, color=MUTED, linewidth=0.6, zorder=1)
    for i, arm in enumerate(coloured):
        epochs, mean, half = curve(arm, metric.name)
        mean, half = mean * metric.scale, half * metric.scale
        axes.plot(epochs, mean, color=colour(i), linewidth=1.4, label=", ".join(arm.labels), zorder=3)
        axes.fill_between(epochs, mean - half, mean + half, color=colour(i), alpha=0.14, linewidth=0, zorder=2)
    axes.set_ylim(*_limits([curve(arm, metric.name)[1] * metric.scale for arm in arms]))
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"held-out {metric.heading}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid()
    others = len(arms) - len(coloured)
    title = f"grey: {others} others" if others else None
    axes.legend(frameon=False, fontsize=8, title=title, title_fontsize=8, labelcolor="linecolor")


def curve(arm: ArmResult, metric: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns epochs, means and half widths of the intervals (0 of a single seed), where all seeds were evaluated."""
    curves = [run.curves.get(metric, {}) for run in arm.runs]
    epochs = sorted(set.intersection(*map(set, curves))) if curves else []
    summaries = [summarize([values[epoch] for values in curves]) for epoch in epochs]
    means = np.array([summary.mean for summary in summaries])
    return np.array(epochs), means, np.array([summary.half_width or 0.0 for summary in summaries])


def _limits(means: list[np.ndarray]) -> tuple[float, float]:
    """Returns the range of the curves after their first quarter: arms differ there, and all climb before."""
    late = np.concatenate([mean[len(mean) // 4 :] for mean in means])
    span = max(float(np.ptp(late)), 1e-9)
    return float(late.min() - 0.1 * span), float(late.max() + 0.1 * span)
