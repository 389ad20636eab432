"""`ablate`: every arm of a comparison with all its seeds, then the report."""

from __future__ import annotations

import shlex
import sys

from deepvision.ablation.merge import read_results
from deepvision.ablation.run import run_arms
from deepvision.build import build_replicas
from deepvision.cli import config_file, tables, workdir
from deepvision.cli.arguments import Arguments
from deepvision.cli.display import make_display
from deepvision.cli.dry_run import estimate
from deepvision.errors import UserError

COMPLETED_WITH_FAILURES = 3


def run(arguments: Arguments) -> int:
    """Trains what is not finished, then prints the table and names the files of the report."""
    config, flags = arguments.config, arguments.flags
    display = make_display(tables.progress())
    if flags.dry_run:
        tables.output().print(estimate(config, flags.shard, display))
        return 0
    folder = workdir.prepare(flags.workdir, config.name)
    claim = config_file.docstring(flags.config)
    command = shlex.join(["python", "-m", "deepvision", *sys.argv[1:]])
    outcome = run_arms(config, folder, build_replicas, display, claim, command, flags.shard)
    if outcome.elsewhere:
        display.note(f"{len(outcome.elsewhere)} arms are being trained by other processes; see report {folder}")
    results = read_results(folder)
    if not results.finished and outcome.failed:
        arm, reason = next(iter(outcome.failed.items()))
        raise UserError(f"every arm failed; the first, {arm}: {reason}")
    if results.finished:
        from deepvision.ablation.report import make_report  # slow to import, and needed after the training alone
        from deepvision.cli.report import show

        show(make_report(results), folder)
    if not outcome.trained and not outcome.elsewhere:
        display.note(f"every arm was finished before; to train them anew, delete {folder} or give another --workdir")
    return COMPLETED_WITH_FAILURES if outcome.failed else 0
