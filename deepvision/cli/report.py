"""`report`: the table and the plot of an ablation, made again from its run folders."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from deepvision.ablation.report import terminal, write_report
from deepvision.ablation.results import Results, read_results
from deepvision.cli import tables
from deepvision.cli.arguments import Arguments


def run(arguments: Arguments) -> int:
    """Writes the report of the ablation in the given folder and prints its table."""
    workdir = Path(arguments.words[0])
    show(read_results(workdir), workdir)
    return 0


def show(results: Results, workdir: Path) -> None:
    """Writes the report, prints the table and names the files."""
    files = write_report(results, workdir)
    output = tables.output()
    output.print(terminal(results))
    output.print(Text("wrote " + ", ".join(map(str, files))), soft_wrap=True)
