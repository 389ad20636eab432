"""The catalogue as a page: every entry of every table, in Markdown and HTML, made from the tables and docstrings."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

from deepvision.choices import resolve
from deepvision.cli.catalogue import SECTIONS, Argument, Entry, Section, entries
from deepvision.cli.layers_plots import plot
from deepvision.layers.activations import ACTIVATIONS, PROPERTIES, gain, length_slope

_INTRODUCTION = (
    "Each of these names is a choice in a config: a name, or a name with arguments, such as group(groups=8). "
    "This page is made from the tables and docstrings by: python -m deepvision models --layers"
)
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h2 { border-bottom: 1px solid #ccc; margin-top: 3rem; } h3 { margin: 2rem 0 0.5rem; font-family: monospace; }
article { overflow: auto; } img { float: right; width: 18rem; } p, ul { margin: 0.3rem 0; }
code { background: #f4f4f4; padding: 0 0.2rem; } .source { color: #666; }
"""


def write(directory: Path | str) -> Path:
    """Writes layers.html, layers.md and the plots of the activations into a folder; returns the path of the first."""
    folder = Path(directory)
    plots = folder / "activations"
    plots.mkdir(parents=True, exist_ok=True)
    for name in ACTIVATIONS:
        plot(name, plots / f"{name}.svg")
    (folder / "layers.md").write_text(_markdown(), encoding="utf-8")
    page = folder / "layers.html"
    page.write_text(_html(), encoding="utf-8")
    return page


def _picture(section: Section, entry: Entry) -> str | None:
    """Returns where the plot of an entry lies, relative to the page, or None if it has none."""
    return f"activations/{entry.name}.svg" if section.table is ACTIVATIONS else None


def _facts(section: Section, entry: Entry) -> str:
    """Returns what is declared or computed of an entry: for activations, bounds, saturation and gain."""
    if section.table is not ACTIVATIONS:
        return ""
    known, choice = PROPERTIES[entry.name], resolve(ACTIVATIONS, entry.name, "act")
    slope = length_slope(choice)
    depth = "keeps" if slope < 1.001 else "does not keep"
    return (
        f"Values in {_interval(known.range)}, derivative in {_interval(known.derivative)}; "
        f"saturates: {known.saturates}. "
        f"Gain {gain(choice):.4g}; {depth} a unit second moment through depth (slope {slope:.3g})."
    )


def _interval(bounds: tuple[float, float]) -> str:
    return "[{:.5g}, {:.5g}]".format(*bounds)


def _argument(argument: Argument) -> tuple[str, str]:
    return f"{argument.name}={argument.default}", f": {argument.meaning}" if argument.meaning else ""


def _markdown() -> str:
    lines = ["# Layers and regularizers", "", _INTRODUCTION, ""]
    lines += [f"- [{section.title}](#{_anchor(section.title)})" for section in SECTIONS]
    for section in SECTIONS:
        lines += ["", f"## {section.title}", "", f"`{section.field}`"]
        for entry in entries(section.table):
            lines += ["", f"### {entry.name}", "", *_markdown_entry(section, entry)]
    return "\n".join(lines) + "\n"


def _markdown_entry(section: Section, entry: Entry) -> list[str]:
    picture, facts = _picture(section, entry), _facts(section, entry)
    paragraphs = [f"![{entry.name}]({picture})"] if picture else []
    paragraphs += ["`{}`".format(entry.equation.replace("`", "")), *map(_markdown_text, entry.notes)]
    if entry.arguments:
        pairs = map(_argument, entry.arguments)
        paragraphs.append("\n".join(f"- `{call}`{_markdown_text(text)}" for call, text in pairs))
    paragraphs += [facts] if facts else []
    paragraphs += [f"Source: {_markdown_text(entry.source)}"] if entry.source else []
    return "\n\n".join(paragraphs).split("\n")


def _markdown_text(text: str) -> str:
    """Returns text in which Markdown sees code between backquotes, and neither emphasis, HTML nor links."""

    def escaped(plain: str) -> str:
        return re.sub(r"[\\*_<>\[\]|]", r"\\\g<0>", plain)

    return "".join(f"`{part}`" if odd else escaped(part) for part, odd in _parts(text))


def _html_text(text: str) -> str:
    """Returns text as HTML, with what stands between backquotes as code."""
    return "".join(f"<code>{html.escape(part)}</code>" if odd else html.escape(part) for part, odd in _parts(text))


def _parts(text: str) -> list[tuple[str, bool]]:
    """Splits text at backquotes; tells of each part whether it stands between two."""
    return [(part, index % 2 == 1) for index, part in enumerate(text.split("`"))]


def _html() -> str:
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><title>Layers and regularizers</title>',
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>Layers and regularizers</h1><p>{html.escape(_INTRODUCTION)}</p>",
            _html_list(f'<a href="#{_anchor(section.title)}">{section.title}</a>' for section in SECTIONS),
            *(_html_section(section) for section in SECTIONS),
            "</body></html>\n",
        ]
    )


def _html_section(section: Section) -> str:
    heading = f'<h2 id="{_anchor(section.title)}">{section.title}</h2><p><code>{section.field}</code></p>'
    return "\n".join([heading, *(_html_entry(section, entry) for entry in entries(section.table))])


def _html_entry(section: Section, entry: Entry) -> str:
    picture, facts = _picture(section, entry), _facts(section, entry)
    parts = [f'<article><h3 id="{_anchor(section.title)}-{entry.name}">{entry.name}</h3>']
    parts += [f'<img src="{picture}" alt="{entry.name} and its derivative">'] if picture else []
    parts += ["<p><code>{}</code></p>".format(html.escape(entry.equation.replace("`", "")))]
    parts += [f"<p>{_html_text(note)}</p>" for note in (*entry.notes, facts) if note]
    if entry.arguments:
        pairs = map(_argument, entry.arguments)
        parts.append(_html_list(f"<code>{html.escape(call)}</code>{_html_text(text)}" for call, text in pairs))
    parts += [f'<p class="source">Source: {_html_text(entry.source)}</p>'] if entry.source else []
    return "\n".join([*parts, "</article>"])


def _html_list(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")
