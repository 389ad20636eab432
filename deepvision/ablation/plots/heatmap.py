"""Two axes at once."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from deepvision.ablation.analysis import Analysis
from deepvision.ablation.plots.style import WIDTH, new_figure


def draw_heatmap(analysis: Analysis) -> Figure:
    """Draws the means of all arms over the two axes that vary, the number in every cell; darker is better."""
    results, metric = analysis.results, analysis.results.metric
    rows, columns = (list(dict.fromkeys(arm.labels[i] for arm in results.arms)) for i in varied(analysis))
    across, down = varied(analysis)[1], varied(analysis)[0]
    means = np.full((len(rows), len(columns)), np.nan)
    for arm in results.finished:
        means[rows.index(arm.labels[down]), columns.index(arm.labels[across])] = results.summary(arm).mean
    figure, axes = new_figure(1.0 + 0.34 * len(rows), max(WIDTH, 1.2 + 0.62 * len(columns)))
    goodness = means if metric.higher_is_better else -means
    low, high = np.nanmin(goodness), np.nanmax(goodness)
    span = max(float(high - low), 1e-12)
    # Shapes, where imshow would put a picture of pixels into an SVG.
    axes.pcolormesh(goodness, cmap="Blues", vmin=low - 0.15 * span, vmax=high + 0.1 * span)
    axes.invert_yaxis()
    for (y, x), value in np.ndenumerate(means):
        written = "–" if np.isnan(value) else metric.write(value)
        # On a cell's own colour, not the page's: these two are no theme's.
        ink = "#ffffff" if (goodness[y, x] - low) / span > 0.6 else "#1c1c20"
        axes.text(x + 0.5, y + 0.5, written, ha="center", va="center", color=ink if written != "–" else "#1c1c21")
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=30 if max(map(len, columns)) > 8 else 0)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
    axes.set_xlabel(results.axes[across])
    axes.set_ylabel(results.axes[down])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def is_grid(analysis: Analysis) -> bool:
    """Whether two axes vary, and their combinations are not mostly missing."""
    if len(varied(analysis)) != 2:
        return False
    rows, columns = (len({arm.labels[i] for arm in analysis.results.arms}) for i in varied(analysis))
    return 2 * len(analysis.results.finished) >= rows * columns


def varied(analysis: Analysis) -> list[int]:
    """Returns the axes that have more than one value."""
    results = analysis.results
    return [i for i in range(len(results.axes)) if len({arm.labels[i] for arm in results.arms}) > 1]
