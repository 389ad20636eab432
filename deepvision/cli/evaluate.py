"""`evaluate`: a checkpoint on the held-out split."""

from __future__ import annotations

from pathlib import Path

from deepvision.build import build
from deepvision.cli import tables
from deepvision.cli.arguments import Arguments
from deepvision.cli.run_config import read_config, read_seeds
from deepvision.errors import UserError, unknown
from deepvision.train.evaluate import evaluate


def run(arguments: Arguments) -> int:
    """Prints the metrics of every seed of the run."""
    if arguments.flags.workdir is None:
        raise UserError("--workdir is missing: name the folder of a run")
    if arguments.flags.which not in ("best", "last"):
        raise unknown("checkpoint in --which", arguments.flags.which, ("best", "last"))
    path = Path(arguments.flags.workdir)
    if (path / "ablation.json").is_file():
        raise UserError(f"{path} holds an ablation; name one of its arms: --workdir {path}/arms/...")
    config = read_config(path)
    rows = evaluate(build(config, read_seeds(path, config.seed)), path, arguments.flags.which)
    tables.output().print(tables.metrics_table(config.name, {arguments.flags.which: rows}))
    return 0
