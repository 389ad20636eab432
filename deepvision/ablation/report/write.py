"""The files of a report."""

from __future__ import annotations

from pathlib import Path

from deepvision.ablation.plots import draw
from deepvision.ablation.report.as_json import as_json
from deepvision.ablation.report.comma_separated import comma_separated
from deepvision.ablation.report.contents import Report
from deepvision.ablation.report.latex import latex
from deepvision.ablation.report.markdown import markdown
from deepvision.ablation.report.page import page


def write_report(report: Report, folder: Path) -> list[Path]:
    """Writes report.html, table.md, table.tex, table.csv, runs.csv, report.json and plots/; returns their paths."""
    pictures = draw(report.analysis)
    texts = {
        "report.html": page(report, pictures),
        "table.md": markdown(report),
        "table.tex": latex(report),
        "table.csv": comma_separated(report.table("arms")),
        "runs.csv": comma_separated(report.table("runs")),
        "report.json": as_json(report),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    if pictures:
        (folder / "plots").mkdir(exist_ok=True)
    for picture in pictures:
        (folder / "plots" / f"{picture.plot.name}.png").write_bytes(picture.png)
        (folder / "plots" / f"{picture.plot.name}.svg").write_text(picture.svg, encoding="utf-8")
    return [folder / name for name in texts] + ([folder / "plots"] if pictures else [])
