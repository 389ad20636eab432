"""The tables of an ablation, and the files they are written to: Markdown, CSV, JSON, PNG.

Everything follows from the run folders (`results.read_results`), so a report can be made again at any time.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path

from rich.table import Table

from deepvision.ablation.plot import draw
from deepvision.ablation.results import ArmResult, Results

_CSV_COLUMNS = ("n", "mean", "sd", "ci95_low", "ci95_high", "parameters", "images_per_second", "seconds", "failure")


def write_report(results: Results, workdir: Path) -> list[Path]:
    """Writes table.md, table.csv, report.json and, if an arm has finished, plot.png; returns their paths."""
    texts = {"table.md": markdown(results), "table.csv": comma_separated(results), "report.json": as_json(results)}
    for name, text in texts.items():
        (workdir / name).write_text(text)
    files = [workdir / name for name in texts]
    if results.finished:
        files.append(workdir / "plot.png")
        draw(results, files[-1])
    return files


def terminal(results: Results) -> Table:
    """Returns the table for a terminal; the best mean is bold."""
    table = Table(title=results.name, caption=footer(results), caption_justify="left")
    for i, heading in enumerate(_headings(results)):
        table.add_column(heading, justify="left" if i < len(results.axes) else "right")
    for arm in results.arms:
        table.add_row(*_cells(results, arm), style="bold" if arm is results.best else None)
    return table


def markdown(results: Results) -> str:
    """Returns the same table in Markdown."""
    headings = _headings(results)
    rules = ["---" if i < len(results.axes) else "---:" for i in range(len(headings))]
    rows = [headings, rules]
    for arm in results.arms:
        cells = [cell.replace("|", "\\|") for cell in _cells(results, arm)]
        rows.append([f"**{cell}**" for cell in cells] if arm is results.best else cells)
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([f"# {results.name}", "", *lines, "", footer(results)]) + "\n"


def comma_separated(results: Results) -> str:
    """Returns the table as CSV: numbers in full, an accuracy as a share of 1, one column per seed at the end."""
    seeds = results.finished[0].measured.seeds if results.finished else ()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*results.axes, *_CSV_COLUMNS, *(f"seed_{seed}" for seed in seeds)])
    for arm in results.arms:
        m = arm.measured
        if m is None:
            row = [""] * (len(_CSV_COLUMNS) - 1) + [arm.failure] + [""] * len(seeds)
        else:
            s = m.summary
            row = [s.n, s.mean, s.sd, s.low, s.high, m.parameters, m.images_per_second, m.seconds, "", *m.values]
        writer.writerow([*arm.labels, *row])
    return text.getvalue()


def as_json(results: Results) -> str:
    """Returns everything that the table is made of."""
    arms = []
    for arm in results.arms:
        row = {"name": arm.name, **dict(zip(results.axes, arm.labels, strict=True)), "failure": arm.failure}
        if arm.measured:
            row |= {key: value for key, value in dataclasses.asdict(arm.measured).items() if key != "curve"}
        arms.append(row)
    best = results.best.name if results.best else None
    content = {"name": results.name, "metric": results.metric.name, "best": best, "arms": arms}
    return json.dumps(content, indent=2) + "\n"


def footer(results: Results) -> str:
    """Returns what a reader must know: what ± is, and whether the best arm stands apart from the others."""
    best = results.best
    if best is None:
        return "No arm has finished."
    n = best.measured.summary.n
    text = f"Held-out {results.metric.name} after the last step. Best mean (bold): {best.name}"
    if n == 1:
        return f"{text}; one seed per arm, hence no intervals and no way to tell the arms apart."
    others = [arm for arm in results.finished if arm is not best]
    overlapping = sum(bool(arm.measured.summary.overlaps(best.measured.summary)) for arm in others)
    if others:
        text += f"; the intervals of {overlapping} of the {len(others)} other arms overlap its own"
    return f"{text}. ± is half the 95 % t-interval of the mean over {n} seeds."


def _headings(results: Results) -> list[str]:
    return [*results.axes, results.metric.heading, "sd", "seeds", "parameters", "images/s"]


def _cells(results: Results, arm: ArmResult) -> list[str]:
    if arm.measured is None:
        return [*arm.labels, arm.failure, "", "", "", ""]
    m, s = arm.measured, arm.measured.summary
    mean = results.metric.write_mean(s)
    sd = "–" if s.sd is None else results.metric.write(s.sd)
    return [*arm.labels, mean, sd, str(s.n), f"{m.parameters:,}", f"{m.images_per_second:,.0f}"]
