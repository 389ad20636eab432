"""`evaluate`: a checkpoint of a run, or weights from elsewhere, on a held-out split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from deepvision.build import build
from deepvision.cli import tables
from deepvision.cli.arguments import Arguments
from deepvision.cli.run_config import read_config, read_seeds
from deepvision.errors import UserError, unknown
from deepvision.train.evaluate import evaluate, evaluate_initial


def run(arguments: Arguments) -> int:
    """Prints the metrics of every seed of the run, or of the weights."""
    flags = arguments.flags
    if (flags.workdir is None) == (flags.weights is None):
        raise UserError("name what to evaluate: --workdir with the folder of a run, or --config and --weights")
    if flags.weights is None:
        title, rows = _of_run(Path(flags.workdir), flags.which)
    else:
        title, rows = _of_weights(arguments.config, flags.weights)
    tables.output().print(tables.metrics_table(title, rows))
    return 0


def _of_run(path: Path, which: str) -> tuple[str, dict[str, Any]]:
    if which not in ("best", "last"):
        raise unknown("checkpoint in --which", which, ("best", "last"))
    if (path / "ablation.json").is_file():
        raise UserError(f"{path} holds an ablation; name one of its arms: --workdir {path}/arms/...")
    config = read_config(path)
    return config.name, {which: evaluate(build(config, read_seeds(path, config.seed)), path, which)}


def _of_weights(config: ConfigDict | None, weights: str) -> tuple[str, dict[str, Any]]:
    if config is None:
        raise UserError("--weights needs --config: a file that names the network and the data")
    config.init_from = weights
    return config.name, {Path(weights).name: [evaluate_initial(build(config))]}
