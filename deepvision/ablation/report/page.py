"""The report as one HTML page that needs nothing beside itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from deepvision.ablation.plots import Picture
from deepvision.ablation.report.contents import Report
from deepvision.ablation.report.gallery import gallery
from deepvision.ablation.report.methods import methods
from deepvision.ablation.report.page_style import STYLE
from deepvision.ablation.report.table import Row, Table

_ITEM = re.compile(r"^([A-Z]\w*): (.*)$")  # of an experiment's docstring: "Claim: ..."

_SHORT = 40  # characters: text up to this length stays on one line


def page(report: Report, pictures: Sequence[Picture]) -> str:
    """Returns the page."""
    drawn = {picture.plot.name: picture for picture in pictures}
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(report.results.name)}</title><style>{STYLE}</style></head><body>",
            _header(report),
            _section(
                "Results", _plots(drawn, "arms", "differences"), *_tables(report, "arms", "comparisons", "failures")
            ),
            _section("Pictures", gallery(report.results)),
            _section("The axes", _plots(drawn, "heatmap"), *_tables(report, "effects", "ranks")),
            _section("Training and cost", _plots(drawn, "curves", "parameters", "macs", "speed")),
            _section("All metrics", *_tables(report, "metrics", titled=False)),
            _section("Configs", *_tables(report, "tuning", "configs"), *_folded(report, "shared")),
            _section("To repeat it", _commands(report), *_tables(report, "environment")),
            _section("Every run", *_folded(report, "runs")),
            _section("How it was computed", _definitions(methods(report))),
            "<footer>Made by <code>python -m deepvision report</code> from the run folders alone.</footer>",
            "</body></html>\n",
        ]
    )


def _header(report: Report) -> str:
    claim = report.results.studies[0].claim
    question, items = split_claim(claim)
    parts = [f"<header><h1>{escape(report.results.name)}</h1>"]
    parts += [f'<p class="question">{escape(question)}</p>'] if question else []
    parts.append(f'</header><div class="verdict"><p>{_prose(report.verdict)}</p>')
    parts += [f"<p>{_prose(report.power)}</p>"] if report.power else []
    if report.notes:
        parts.append("<ul>" + "".join(f"<li>{_prose(note)}</li>" for note in report.notes) + "</ul>")
    parts.append("</div>")
    if items:
        parts += ["<details open><summary>As the experiment states it</summary>", _definitions(items), "</details>"]
    return "\n".join(parts)


def split_claim(docstring: str) -> tuple[str, list[tuple[str, str]]]:
    """Returns the first line of an experiment's docstring, and its items: ("Claim", "at this depth ...")."""
    first, *lines = docstring.strip().splitlines() or [""]
    items: list[tuple[str, str]] = []
    for line in (line.strip() for line in lines):
        found = _ITEM.match(line)
        if found:
            items.append((found[1], found[2]))
        elif line and items:
            items[-1] = (items[-1][0], f"{items[-1][1]} {line}")
        elif line:
            items.append(("", line))
    return first, items


def _section(title: str, *parts: str) -> str:
    """Returns a section; nothing if it has no parts."""
    parts = tuple(part for part in parts if part)
    return "\n".join([f"<section><h2>{title}</h2>", *parts, "</section>"]) if parts else ""


def _plots(drawn: dict[str, Picture], *names: str) -> str:
    figures = [_figure(drawn[name]) for name in names if name in drawn]
    return f'<div class="plots">{"".join(figures)}</div>' if figures else ""


def _figure(picture: Picture) -> str:
    plot = picture.plot
    legend = f"<figcaption>{_prose(plot.legend)}</figcaption>" if plot.legend else ""
    return f"<figure><h3>{escape(plot.title)}</h3>{picture.inline}{legend}</figure>\n"


def _tables(report: Report, *names: str, titled: bool = True) -> list[str]:
    tables = [report.table(name) for name in names]
    return [(f"<h3>{escape(t.title)}</h3>" if titled else "") + _table(t) for t in tables if t is not None]


def _folded(report: Report, name: str) -> list[str]:
    table = report.table(name)
    if table is None:
        return []
    return [f"<details><summary>{escape(table.title)}: {len(table.rows)} rows</summary>{_table(table)}</details>"]


def _table(table: Table) -> str:
    heads = "".join(_cell("th", c.heading, c.numeric, ' scope="col"') for c in table.shown)
    rows = "\n".join(_row(table, row) for row in table.rows)
    caption = f'<p class="caption">{_prose(table.caption)}</p>' if table.caption else ""
    region = f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(table.title)}">'
    return f"{region}<table><thead><tr>{heads}</tr></thead>\n<tbody>{rows}</tbody></table></div>{caption}"


def _row(table: Table, row: Row) -> str:
    texts = zip(table.shown, table.texts(row), strict=True)
    cells = [
        _cell("td" if i else "th", text, c.numeric, "" if i else ' scope="row"') for i, (c, text) in enumerate(texts)
    ]
    return f"<tr{' class=best' if row.bold else ''}>{''.join(cells)}</tr>"


def _cell(tag: str, text: str, numeric: bool, attributes: str = "") -> str:
    kind = ' class="number"' if numeric else ' class="short"' if len(text) <= _SHORT else ""
    shown = escape(text) if numeric else escape(text).replace(",", ",<wbr>")  # names of arms may break at commas
    return f"<{tag}{kind}{attributes}>{shown}</{tag}>"


def _commands(report: Report) -> str:
    studies = [study for study in report.results.studies if study.command]
    return "".join(f"<pre>{escape(study.command)}</pre>" for study in studies)


def _definitions(items: Sequence[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{_prose(text)}</dd>" for name, text in items) + "</dl>"


def _prose(text: str) -> str:
    """Returns text as HTML in which no line ends between a number and its percent sign."""
    return escape(text).replace(" %", "\u00a0%")
