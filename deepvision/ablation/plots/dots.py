"""What every arm reached, and how far it lies from the baseline."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepvision.ablation.analysis import Analysis
from deepvision.ablation.plots.style import GRID, INK, MUTED, colour, new_figure

_ROW = 0.3  # inches


def draw_arms(analysis: Analysis) -> Figure:
    """Draws mean, 95 % t-interval and every seed, a row for each arm; the baseline's mean goes through all rows."""
    results = analysis.results
    arms, metric = results.finished, results.metric
    figure, axes = new_figure(0.8 + _ROW * len(arms))
    if results.baseline.runs and "data.name" not in results.fields:
        axes.axvline(results.summary(results.baseline).mean * metric.scale, color=MUTED, linewidth=0.8, linestyle=":")
    for y, arm in enumerate(arms):
        values = np.array(list(arm.values(metric.name).values())) * metric.scale
        offsets = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(1)
        axes.scatter(values, y + offsets, s=11, color=colour(y), alpha=0.5, linewidths=0, zorder=2)
        summary = results.summary(arm)
        half = None if summary.half_width is None else summary.half_width * metric.scale
        axes.errorbar(summary.mean * metric.scale, y, xerr=half, fmt="D", color=colour(y), capsize=3, ms=5, zorder=3)
    _rows(axes, [", ".join(arm.labels) for arm in arms])
    axes.set_xlabel(f"held-out {metric.heading}")
    return figure


def draw_differences(analysis: Analysis) -> Figure:
    """Draws a forest plot: the mean paired difference to the baseline and its 95 % t-interval, a row for each arm.

    Filled: told apart at 5 %, corrected by Holm. Hollow: not, or not testable.
    """
    results, metric = analysis.results, analysis.results.metric
    rows = [comparison for comparison in analysis.comparisons if comparison.paired]
    figure, axes = new_figure(0.95 + _ROW * len(rows))
    axes.axvline(0, color=INK, linewidth=0.8)
    for y, comparison in enumerate(rows):
        summary = comparison.paired.summary
        told_apart = comparison.verdict(results) in ("better", "worse")
        shade = colour(results.finished.index(comparison.arm))
        values = np.array(comparison.paired.differences) * metric.scale
        axes.scatter(values, np.full(len(values), y + 0.22), s=8, color=shade, alpha=0.45, linewidths=0, zorder=2)
        half = None if summary.half_width is None else summary.half_width * metric.scale
        axes.errorbar(
            summary.mean * metric.scale,
            y,
            xerr=half,
            fmt="D",
            color=shade,
            markerfacecolor=shade if told_apart else "none",
            capsize=3,
            ms=5,
            zorder=3,
        )
    _rows(axes, [", ".join(comparison.arm.labels) for comparison in rows])
    better = "right" if metric.higher_is_better else "left"
    unit = metric.difference_unit.strip()
    axes.set_xlabel(f"difference in {metric.name}{f' ({unit})' if unit else ''}; {better} is better")
    return figure


def _rows(axes: Axes, labels: list[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=GRID)
