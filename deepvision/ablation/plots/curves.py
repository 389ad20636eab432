"""How every arm got where it is."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deepvision.ablation.analysis import Analysis
from deepvision.ablation.plots.style import COLOURS, MUTED, colour, new_figure
from deepvision.ablation.results import ArmResult
from deepvision.ablation.statistics import summarize


def draw_curves(analysis: Analysis) -> Figure:
    """Draws the metric on the held-out split along training: the mean over seeds, and its 95 % t-interval as a band.

    Beyond eight arms, the eight with the best means have colours and the others are grey.
    """
    results, metric = analysis.results, analysis.results.metric
    arms = [arm for arm in results.finished if curve(arm, metric.name)[0].size]
    ranked = sorted(arms, key=lambda arm: -results.goodness(results.summary(arm).mean))
    figure, axes = new_figure(3.2)
    for arm in [arm for arm in arms if arm in ranked[len(COLOURS) :]]:
        epochs, mean, _ = curve(arm, metric.name)
        axes.plot(epochs, mean * metric.scale, color=MUTED, linewidth=0.6, zorder=1)
    for arm in [arm for arm in arms if arm in ranked[: len(COLOURS)]]:
        epochs, mean, half = curve(arm, metric.name)
        mean, half = mean * metric.scale, half * metric.scale
        shade = colour(results.finished.index(arm)) if len(arms) <= len(COLOURS) else colour(ranked.index(arm))
        axes.plot(epochs, mean, color=shade, linewidth=1.4, label=", ".join(arm.labels), zorder=3)
        axes.fill_between(epochs, mean - half, mean + half, color=shade, alpha=0.14, linewidth=0, zorder=2)
    axes.set_ylim(*_limits([curve(arm, metric.name)[1] * metric.scale for arm in arms]))
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"held-out {metric.heading}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid()
    others = len(arms) - len(COLOURS)
    title = f"grey: {others} others" if others > 0 else None
    axes.legend(frameon=False, fontsize=8, title=title, title_fontsize=8, labelcolor="linecolor")
    return figure


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
