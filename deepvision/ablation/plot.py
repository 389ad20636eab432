"""The picture of an ablation: what every arm reached, and how it got there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from deepvision.ablation.metrics import Metric
from deepvision.ablation.results import ArmResult, Curve, Results
from deepvision.ablation.statistics import summarize

# Okabe and Ito's colours, told apart under every common colour blindness; beyond eight arms the line style changes too.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#B8A800")
_LINES = ("-", "--", ":", "-.")


def draw(results: Results, file: Path) -> None:
    """Writes the picture as PNG. Left: mean, 95 % interval and every seed, per arm. Right: the learning curves with
    their intervals, unless the arms are too many to tell bands apart. At least one arm must have finished."""
    arms = results.finished
    figure = Figure(figsize=(11, max(3.6, 1.6 + 0.34 * len(arms))), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    figure.suptitle(results.name)
    _draw_arms(left, arms, results.metric)
    _draw_curves(right, arms, results.metric)
    figure.savefig(file)


def _draw_arms(axes: Axes, arms: list[ArmResult], metric: Metric) -> None:
    for y, arm in enumerate(arms):
        colour = _COLOURS[y % len(_COLOURS)]
        summary = arm.measured.summary
        values = np.array(arm.measured.values) * metric.scale
        offsets = np.linspace(-0.16, 0.16, len(values)) if len(values) > 1 else np.zeros(1)
        axes.scatter(values, y + offsets, s=16, color=colour, alpha=0.55, linewidths=0, zorder=2)
        half = None if summary.half_width is None else summary.half_width * metric.scale
        axes.errorbar(summary.mean * metric.scale, y, xerr=half, fmt="D", color=colour, capsize=4, ms=6, zorder=3)
    axes.set_yticks(range(len(arms)), [", ".join(arm.labels) for arm in arms])
    axes.set_ylim(len(arms) - 0.5, -0.5)
    axes.set_xlabel(f"held-out {metric.heading}: mean, 95 % interval, seeds")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_curves(axes: Axes, arms: list[ArmResult], metric: Metric) -> None:
    for i, arm in enumerate(arms):
        mean, low, high = _band(arm.measured.curve, metric)
        colour = _COLOURS[i % len(_COLOURS)]
        line = _LINES[i // len(_COLOURS) % len(_LINES)]
        axes.plot(arm.measured.curve.epochs, mean, line, color=colour, label=", ".join(arm.labels))
        if len(arms) <= len(_COLOURS):
            axes.fill_between(arm.measured.curve.epochs, low, high, color=colour, alpha=0.15, linewidth=0)
    if metric.higher_is_better:
        _look_at_the_top(axes, arms, metric)
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"held-out {metric.heading}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small", ncols=1 + (len(arms) - 1) // 16)


def _band(curve: Curve, metric: Metric) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the mean and the ends of the interval at every evaluation; a single seed has no band."""
    summaries = [summarize(values) for values in curve.values]
    mean = np.array([summary.mean for summary in summaries]) * metric.scale
    half = np.array([summary.half_width or 0.0 for summary in summaries]) * metric.scale
    return mean, mean - half, mean + half


def _look_at_the_top(axes: Axes, arms: list[ArmResult], metric: Metric) -> None:
    """Cuts off the first steps, from which every arm climbs: arms differ where the curves are after a quarter."""
    means = [_band(arm.measured.curve, metric)[0] for arm in arms]
    late = [mean[len(mean) // 4 :] for mean in means if len(mean)]
    if not late:
        return
    values = np.concatenate(late)
    span = max(values.max() - values.min(), 1e-3 * metric.scale)
    axes.set_ylim(values.min() - 0.1 * span, values.max() + 0.1 * span)
