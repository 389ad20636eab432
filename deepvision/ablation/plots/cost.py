"""Accuracy against cost: which arms are worth what they take?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

from deepvision.ablation.analysis import Analysis
from deepvision.ablation.plots.style import GRID, INK, colour, new_figure
from deepvision.ablation.results import Cost

_LOG_FROM = 10.0  # ratio of the largest to the smallest cost
_NAMED = 8  # of more arms, only those of the front bear their names
_SAME = 1.2  # ratio; arms whose costs lie closer cost the same


def draw_parameters(analysis: Analysis) -> Figure:
    """Draws the metric against the number of parameters."""
    return _draw(analysis, lambda cost: cost.parameters, "parameters")


def draw_macs(analysis: Analysis) -> Figure:
    """Draws the metric against the multiply-accumulates of one image."""
    return _draw(analysis, lambda cost: cost.macs, "MACs per image")


def draw_speed(analysis: Analysis) -> Figure:
    """Draws the metric against the time that training takes per image."""
    return _draw(analysis, _milliseconds, "training time per image (ms)")


def parameters_differ(analysis: Analysis) -> bool:
    return _differ(analysis, [arm.costs[0].parameters for arm in analysis.results.finished])


def macs_differ(analysis: Analysis) -> bool:
    macs = [arm.costs[0].macs for arm in analysis.results.finished]
    return None not in macs and _differ(analysis, macs)


def speeds_differ(analysis: Analysis) -> bool:
    """Whether there are speeds to compare: measured, and all on the same machine."""
    arms = analysis.results.finished
    machines = {str((e.get("machine"), e.get("devices"))) for arm in arms for e in arm.environments}
    speeds = [arm.costs[0].images_per_second for arm in arms]
    return len(machines) <= 1 and _differ(analysis, speeds)


def pareto(costs: Sequence[float], goodness: Sequence[float]) -> list[int]:
    """Returns the points that no other one beats, in order of cost: none is as good for less, or better for as much."""
    order = sorted(range(len(costs)), key=lambda i: (costs[i], -goodness[i]))
    front: list[int] = []
    for i in order:
        if not front or goodness[i] > goodness[front[-1]]:
            front.append(i)
    return front


def _draw(analysis: Analysis, cost_of: Callable[[Cost], float], heading: str) -> Figure:
    results, metric = analysis.results, analysis.results.metric
    arms = results.finished
    costs = [cost_of(arm.costs[0]) for arm in arms]
    summaries = [results.summary(arm) for arm in arms]
    front = pareto(costs, [results.goodness(summary.mean) for summary in summaries])
    figure, axes = new_figure(3.0)
    axes.plot(
        [costs[i] for i in front], [summaries[i].mean * metric.scale for i in front], color=INK, linewidth=0.8, zorder=1
    )
    for i, (arm, summary) in enumerate(zip(arms, summaries, strict=True)):
        half = None if summary.half_width is None else summary.half_width * metric.scale
        face, y = colour(i) if i in front else "none", summary.mean * metric.scale
        axes.errorbar(costs[i], y, yerr=half, fmt="o", color=colour(i), markerfacecolor=face, capsize=2, ms=6)
        if i in front or len(arms) <= _NAMED:
            axes.annotate(", ".join(arm.labels), (costs[i], y), (5, 4), textcoords="offset points", fontsize=8)
    if max(costs) / min(costs) >= _LOG_FROM:
        axes.set_xscale("log")
    axes.margins(x=0.18)
    axes.set_xlabel(f"{heading}; filled and joined: Pareto front")
    axes.set_ylabel(f"held-out {metric.heading}")
    axes.grid(color=GRID)
    return figure


def _milliseconds(cost: Cost) -> float:
    return 1000 / cost.images_per_second


def _differ(analysis: Analysis, costs: Sequence[float]) -> bool:
    """Whether costs differ enough to be drawn, all on one data set: accuracies on two do not compare."""
    return (
        len(analysis.results.conditions) == 1 and len(costs) > 1 and min(costs) > 0 and max(costs) / min(costs) > _SAME
    )
