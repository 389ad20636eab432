"""`train`: one network, one seed, one run folder."""

from __future__ import annotations

import jax
from rich.text import Text

from deepvision.build import build
from deepvision.cli import tables, workdir
from deepvision.cli.arguments import Arguments
from deepvision.cli.display import make_display
from deepvision.train.experiment import Experiment
from deepvision.train.loop import fit


def run(arguments: Arguments) -> int:
    """Trains, or goes on where an earlier call stopped, and prints what came out."""
    config = arguments.config
    folder = workdir.prepare(arguments.flags.workdir, config.name)
    experiment = build(config)
    display = make_display(tables.progress())
    display.note(headline(experiment))
    result = fit(experiment, folder, display)
    output = tables.output()
    output.print(tables.metrics_table(result["name"], {which: result[which] for which in ("last", "best")}))
    seconds, rate = result["seconds"], result["images_per_second"]
    output.print(Text(f"{seconds:,.0f} s, {rate:,.0f} images/s; everything is in {folder}"))
    return 0


def headline(experiment: Experiment) -> str:
    """Returns one line: the network, the data, the devices."""
    config, devices = experiment.config, jax.local_devices()
    return (
        f"{config.model.name}: {experiment.parameters:,} parameters, {experiment.macs:,} MACs"
        f" | {experiment.train.describe()}, batch {config.data.batch_size}"
        f" | {len(devices)} x {devices[0].device_kind}"
    )
