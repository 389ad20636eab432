"""`ablate`: every arm of a comparison with all its seeds, then the report."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from ml_collections import config_dict

from deepvision.ablation.merge import read_results
from deepvision.ablation.report import make_report
from deepvision.ablation.run import run_arms
from deepvision.build import build
from deepvision.cli import config_file, tables, workdir
from deepvision.cli.arguments import Arguments
from deepvision.cli.display import make_display
from deepvision.cli.report import show
from deepvision.errors import UserError
from deepvision.train.loop import fit

COMPLETED_WITH_FAILURES = 3


def run(arguments: Arguments) -> int:
    """Trains what is not finished, then prints the table and names the files of the report."""
    config = arguments.config
    folder = workdir.prepare(arguments.flags.workdir, config.name)
    display = make_display(tables.progress())

    def train(arm: config_dict.ConfigDict, seeds: tuple[int, ...], path: Path) -> None:
        fit(build(arm, seeds), path, display)

    claim = config_file.docstring(arguments.flags.config)
    command = shlex.join(["python", "-m", "deepvision", *sys.argv[1:]])
    outcome = run_arms(config, folder, train, display.note, claim, command)
    results = read_results(folder)
    if not results.finished:
        arm, reason = next(iter(outcome.failed.items()))
        raise UserError(f"every arm failed; the first, {arm}: {reason}")
    show(make_report(results), folder)
    if not outcome.trained:
        display.note(f"every arm was finished before; to train them anew, delete {folder} or give another --workdir")
    return COMPLETED_WITH_FAILURES if outcome.failed else 0
