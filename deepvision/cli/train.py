"""`train`: one network, one seed or several, one run folder; in one process, or in several that are one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
from rich.text import Text

from deepvision.build import build
from deepvision.cli import tables, workdir
from deepvision.cli.arguments import Arguments
from deepvision.cli.display import make_display
from deepvision.cli.operations import operations_of
from deepvision.cli.run_config import read_seeds
from deepvision.errors import UserError
from deepvision.train import distributed, rendezvous
from deepvision.train.display import Silent
from deepvision.train.experiment import Experiment
from deepvision.train.loop import fit

_MOST_SEEDS = 10_000


def run(arguments: Arguments) -> int:
    """Trains, or goes on where an earlier call stopped, and prints what came out."""
    config, flags = arguments.config, arguments.flags
    rendezvous.join(_place(flags), flags.cluster, flags.initialization_timeout)
    first = distributed.is_first()
    folder = workdir.prepare(flags.workdir, config.name) if first else workdir.named(flags.workdir, config.name)
    seeds = range(config.seed, config.seed + _count(flags.seeds))
    if first:
        _check_seeds(folder, seeds)
    experiment = build(config, seeds)
    display = make_display(tables.progress()) if first else Silent()
    display.note(headline(experiment))
    result = fit(experiment, folder, display)
    if first:
        _show(result, folder)
        if config.profile:
            output = tables.output()
            output.print(operations_of(folder, output.width))
    distributed.close()
    return 0


def _count(seeds: int) -> int:
    if not 1 <= seeds <= _MOST_SEEDS:
        raise UserError(f"--seeds must be 1 to {_MOST_SEEDS:,}, got {seeds}")
    return seeds


def _check_seeds(folder: Path, seeds: Sequence[int]) -> None:
    """Refuses to go on with other seeds than a run has begun with."""
    begun = read_seeds(folder, None)
    if begun not in (tuple(seeds), (None,)):
        raise UserError(
            f"workdir {folder} holds a run of {_named(begun)}, not of {_named(seeds)}: choose another --workdir"
        )


def _named(seeds: Sequence[int]) -> str:
    return f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"


def _place(flags: Any) -> rendezvous.Place | None:
    """Returns what the flags say of this process among several; None: nothing."""
    given = (flags.coordinator, flags.processes, flags.process_id)
    if all(value is None for value in given):
        return None
    if None in given:
        raise UserError("--coordinator, --processes and --process_id belong together: name all of them, or none")
    return rendezvous.Place(*given)


def _show(result: dict[str, Any], folder: Path) -> None:
    output = tables.output()
    output.print(tables.metrics_table(result["name"], {which: result[which] for which in ("last", "best")}))
    seconds, rate = result["seconds"], result["images_per_second"]
    output.print(Text(f"{seconds:,.0f} s, {rate:,.0f} images/s; everything is in {folder}"))


def headline(experiment: Experiment) -> str:
    """Returns one line: the network, the data, the devices."""
    config, devices = experiment.config, jax.local_devices()
    processes = f"{distributed.count()} processes of " if distributed.count() > 1 else ""
    loops = f" | {experiment.loops}" if experiment.loops else ""
    return (
        f"{config.model.name}: {experiment.parameters:,} parameters, {experiment.macs:,} MACs{loops}"
        f" | {experiment.train.describe()}, batch {config.data.batch_size}"
        f" | {processes}{len(devices)} x {devices[0].device_kind}"
    )
