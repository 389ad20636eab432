"""The plots of an ablation, each with what it shows and when there is something to show."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from matplotlib.figure import Figure

from deepvision.ablation.analysis import Analysis
from deepvision.ablation.plots.cost import (
    draw_macs,
    draw_parameters,
    draw_speed,
    macs_differ,
    parameters_differ,
    speeds_differ,
)
from deepvision.ablation.plots.curves import curve, draw_curves
from deepvision.ablation.plots.dots import draw_arms, draw_differences
from deepvision.ablation.plots.heatmap import draw_heatmap, is_grid
from deepvision.ablation.plots.style import drawing, inline, png, svg


@dataclasses.dataclass(frozen=True)
class Plot:
    """A kind of plot: how it is drawn, and whether an ablation has what it shows. At least one arm has finished."""

    name: str
    title: str
    draw: Callable[[Analysis], Figure]
    applies: Callable[[Analysis], bool]
    legend: str = ""


@dataclasses.dataclass(frozen=True)
class Picture:
    """A plot that was drawn: files, and the same for a page."""

    plot: Plot
    png: bytes
    svg: str

    @property
    def inline(self) -> str:
        return inline(self.svg, self.plot.name, self.plot.title)


def _has_differences(analysis: Analysis) -> bool:
    return any(comparison.paired for comparison in analysis.comparisons)


def _has_curves(analysis: Analysis) -> bool:
    name = analysis.results.metric.name
    return any(curve(arm, name)[0].size > 1 for arm in analysis.results.finished)


PLOTS = (
    Plot(
        "arms",
        "What every arm reached",
        draw_arms,
        lambda analysis: True,
        "Diamond: mean, with its 95 % interval. Dots: seeds.",
    ),
    Plot(
        "differences",
        "Paired differences to the baseline",
        draw_differences,
        _has_differences,
        "Diamond: mean, with its 95 % interval; filled if told apart at 5 % after Holm's correction. Dots: seeds.",
    ),
    Plot(
        "heatmap",
        "Means over two axes",
        draw_heatmap,
        is_grid,
        "Darker is better.",
    ),
    Plot(
        "curves",
        "Learning curves",
        draw_curves,
        _has_curves,
        "Mean over seeds, and its 95 % interval at every evaluation.",
    ),
    Plot("parameters", "Against parameters", draw_parameters, parameters_differ),
    Plot("macs", "Against multiply-accumulates", draw_macs, macs_differ),
    Plot("speed", "Against training time", draw_speed, speeds_differ, "As measured in training, on this machine."),
)


def draw(analysis: Analysis) -> list[Picture]:
    """Draws every plot that the ablation has something for; none if no arm has finished."""
    pictures = []
    for plot in PLOTS if analysis.results.finished else ():
        if plot.applies(analysis):
            with drawing(plot.name):
                figure = plot.draw(analysis)
                pictures.append(Picture(plot, png(figure), svg(figure, plot.title)))
    return pictures
