"""The training step of this project, called as the loop calls it, on the workloads of the benchmarks of steps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np
from ml_collections import config_dict
from PIL import Image

from deepvision.build import build
from deepvision.config import default_config
from deepvision.tasks.metrics import Metrics
from deepvision.train.evaluate import initial
from deepvision.train.experiment import Experiment
from deepvision.train.feeds import dispatch, replica_feeds
from deepvision.train.parallel import AHEAD
from deepvision.train.programs import Programs
from experiments.benchmarks.peers.workload import Workload


def get_config(workload: Workload, folder: Path, dtype: str, scan_steps: int) -> config_dict.ConfigDict:
    """Returns a config that trains the network on the workload's images, written below a folder."""
    config = default_config()
    config.model.name = workload.network
    config.model.dtype = dtype
    config.data.batch_size = config.data.eval_batch_size = workload.batch_size
    config.data.path = str(folder)
    config.optimizer.learning_rate, config.optimizer.weight_decay = 0.01, 1e-4
    config.schedule.name = "constant"
    config.train.steps = 1_000_000
    config.train.scan_steps = scan_steps
    (_restoring if workload.restores else _classifying)(config, workload, folder)
    return config


def _restoring(config: config_dict.ConfigDict, workload: Workload, folder: Path) -> None:
    config.task = "restoration"
    config.restoration.degradation = "gaussian(sigma=25)"
    config.data.normalize = "unit"
    config.data.name, config.data.patch_size, config.data.channels = "images", workload.shape[0], workload.shape[2]
    for split in ("train", "test"):
        (folder / split).mkdir(parents=True)
        for number, image in enumerate(workload.bytes()[..., 0]):
            Image.fromarray(image).save(folder / split / f"{number}.png")


def _classifying(config: config_dict.ConfigDict, workload: Workload, folder: Path) -> None:
    file = folder / "images.npz"
    images, labels = workload.bytes(), np.arange(workload.batch_size) % workload.num_classes
    labels[-1] = workload.num_classes - 1
    np.savez(file, x_train=images, y_train=labels, x_test=images, y_test=labels)
    config.data.name, config.data.path, config.data.pipeline = "npz", str(file), "resident"


def make_programs(
    workload: Workload,
    dtype: str = "float32",
    scan_steps: int = 1,
    remat: bool = False,
    devices: int = 0,
    mode: str = "pmap",
) -> tuple[Experiment, Programs]:
    """Returns what trains one replica on so many devices (0: all)."""
    with tempfile.TemporaryDirectory() as folder:
        config = get_config(workload, Path(folder), dtype, scan_steps)
        config.model.remat = remat
        config.parallel.devices, config.parallel.mode = devices, mode
        experiment = build(config)
        return experiment, Programs(experiment, 1, together=True, why="")


def make_run(workload: Workload, dtype: str = "float32", scan_steps: int = 1) -> Callable[[int], list[Metrics]]:
    """Returns a function that makes so many updates, `scan_steps` in one dispatch."""
    return running(*make_programs(workload, dtype, scan_steps))


def running(experiment: Experiment, programs: Programs) -> Callable[[int], list[Metrics]]:
    """Returns a function that makes so many updates, and returns the metrics [k, r] of each dispatch."""
    feeds, scan_steps = replica_feeds(experiment, 0), experiment.config.train.scan_steps
    state = programs.devices.place(initial(experiment, programs.initialize).state)

    def run(steps: int) -> list[Metrics]:
        nonlocal state
        outputs = []
        for _ in range(steps // scan_steps):
            feed = dispatch(feeds, scan_steps, programs.devices)
            state, metrics = programs.train(state, programs.resident, feed)
            outputs.append(metrics)
            jax.block_until_ready(outputs[:-AHEAD][-1:])
        loss = losses(jax.block_until_ready(outputs)[-1:])[-1]
        assert np.isfinite(loss), f"{experiment.config.model.name}: the loss of deepvision is {loss}"
        return outputs

    return run


def losses(outputs: Sequence[Metrics]) -> list[float]:
    """Returns the loss of every step of some dispatches."""
    return [float(loss) for metrics in outputs for loss in metrics["loss"].value()[:, 0]]
