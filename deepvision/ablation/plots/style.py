"""What all plots share: size, colours, files, and a form that a page in light or dark can hold."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart under every common colour blindness.
INK, GRID, MUTED = "#1c1c21", "#c9c9cf", "#8a8a93"
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", INK, "#B8A800")
WIDTH = 4.9  # inches: on a narrow screen the text is then about as large as the page's

_STYLE = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "svg.fonttype": "none",
}
_IN_PAGE = {INK: "currentColor", GRID: "var(--grid)", MUTED: "var(--muted)"}


@contextmanager
def drawing(name: str) -> Iterator[None]:
    """Sets the style; the same plot gives the same file."""
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        yield


def new_figure(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    """Returns a figure of this size, in inches, and its axes."""
    figure, panels = new_panels(1, height, width)
    return figure, panels[0]


def new_panels(count: int, height: float, width: float = WIDTH) -> tuple[Figure, list[Axes]]:
    """Returns a figure of panels below each other, each of this height in inches, and their axes."""
    figure = Figure(figsize=(width, height * count), layout="constrained")
    FigureCanvasAgg(figure)
    panels = [figure.add_subplot(count, 1, i + 1) for i in range(count)]
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def png(figure: Figure) -> bytes:
    """Returns the figure as PNG on white."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=200, facecolor="white")
    return file.getvalue()


def svg(figure: Figure, title: str) -> str:
    """Returns the figure as an SVG file of its own."""
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Title": title})
    return file.getvalue()


def inline(drawn: str, name: str, title: str) -> str:
    """Returns an SVG file as a part of a page: names of its own, text in the page's colour, a title to be read out."""
    body = drawn[drawn.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    for fixed, themed in _IN_PAGE.items():
        body = body.replace(fixed, themed)
    head, rest = body.split(">", 1)
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{title}">{rest}'.strip()
