"""`report`: tables, plots and a page of one or more ablations, made from their run folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from deepvision.ablation.merge import flatten, read_results
from deepvision.ablation.report import Report, make_report, terminal, write_report
from deepvision.cli import tables, workdir
from deepvision.cli.arguments import Arguments
from deepvision.config import default_config
from deepvision.train.run_folder import to_plain


def run(arguments: Arguments) -> int:
    """Writes the report of the ablations in the given folders, united, and prints its main tables."""
    folders, flags = tuple(map(Path, arguments.words)), arguments.flags
    defaults = flatten(to_plain(default_config()))
    results = read_results(folders, flags.metric or "", flags.baseline or "", defaults)
    show(make_report(results), workdir.prepare(flags.out or default_folder(folders), results.name))
    return 0


def default_folder(folders: Sequence[Path]) -> str:
    """Returns where the report goes: into the folder of a single ablation, beside the arms of the first of several."""
    return str(folders[0] if len(folders) == 1 else folders[0] / "united")


def show(report: Report, folder: Path) -> None:
    """Writes the report, prints the main tables and names the files."""
    files = write_report(report, folder)
    output = tables.output()
    output.print(terminal(report))
    output.print(Text("wrote " + ", ".join(map(str, files))), soft_wrap=True)
