"""The training step of this project, called as the loop calls it, on the workloads of the step's benchmark."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
from ml_collections import config_dict
from PIL import Image

from deepvision.build import build
from deepvision.config import default_config
from deepvision.train.evaluate import initial
from deepvision.train.experiment import Experiment
from deepvision.train.feeds import dispatch, replica_feeds
from deepvision.train.parallel import AHEAD, Feed, most_scan_steps
from deepvision.train.programs import Programs
from deepvision.train.state import TrainState
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


def dispatched_steps() -> int:
    """Returns how many updates the loop puts into one dispatch where nothing is configured."""
    return min(most_scan_steps(), default_config().train.log_every_steps)


@dataclasses.dataclass
class Training:
    """A network in training, as the loop holds it: the compiled step, what it is fed, and the newest state."""

    experiment: Experiment
    programs: Programs
    feeds: Iterator[Feed]
    state: TrainState

    def run(self, steps: int) -> float:
        """Makes so many updates, `scan_steps` in one dispatch; returns the last loss."""
        outputs = []
        for _ in range(steps // self.experiment.config.train.scan_steps):
            self.state, metrics = self.programs.train(self.state, self.programs.resident, self._feed())
            outputs.append(metrics)
            jax.block_until_ready(outputs[:-AHEAD][-1:])
        loss = float(jax.block_until_ready(outputs)[-1]["loss"].value()[-1, 0])
        assert np.isfinite(loss), f"{self.experiment.config.model.name}: the loss of deepvision is {loss}"
        return loss

    def compiled(self) -> jax.stages.Compiled:
        """Returns the program of a dispatch."""
        return self.programs.train.lower(self.state, self.programs.resident, self._feed()).compile()

    def _feed(self) -> Feed:
        return dispatch(self.feeds, self.experiment.config.train.scan_steps, self.programs.devices)


def make_training(
    workload: Workload,
    dtype: str = "float32",
    scan_steps: int = 1,
    remat: bool = False,
    devices: int = 0,
    mode: str = "pmap",
) -> Training:
    """Returns the network of a workload on so many devices (0: all), about to make its first update."""
    with tempfile.TemporaryDirectory() as folder:
        config = get_config(workload, Path(folder), dtype, scan_steps)
        config.model.remat = remat
        config.parallel.devices, config.parallel.mode = devices, mode
        experiment = build(config)
        programs = Programs(experiment, 1, together=True, why="")
    state = programs.devices.place(initial(experiment, programs.initialize).state)
    return Training(experiment, programs, replica_feeds(experiment, 0), state)
