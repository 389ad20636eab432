"""An experiment, built: all objects that training needs, and nothing of where it runs or what it writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import optax
from ml_collections import ConfigDict

from deepvision.data.pipeline import Pipeline
from deepvision.tasks.task import Task


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What `build.build` returns.

    Attributes:
        config: what it was built from.
        seeds: one replica each.
        model, task, optimizer: see their packages.
        train, evaluation: the pipelines.
        penalties: params -> scalar, added to the loss.
        projections: (params, step, model_state) -> params, after each update.
        averaging: of the weights, an entry of `averaging.AVERAGES`, or None.
        pretrained: variables to start from, by path (collection, module, ..., leaf); empty: none.
        total_steps: updates of the whole training.
        parameters, macs: of the network, for one example.
    """

    config: ConfigDict
    seeds: tuple[int, ...]
    model: nn.Module
    task: Task
    optimizer: optax.GradientTransformation
    train: Pipeline
    evaluation: Pipeline
    penalties: tuple[Callable[..., Any], ...]
    projections: tuple[Callable[..., Any], ...]
    averaging: Any
    pretrained: Mapping[tuple[str, ...], Any]
    total_steps: int
    parameters: int
    macs: int

    @property
    def name(self) -> str:
        return self.config.name or self.config.model.name

    @property
    def steps_per_epoch(self) -> float:
        return self.train.num_examples / self.train.batch_size

    def steps_between(self, epochs: float) -> int:
        """Returns the number of steps nearest to so many epochs, at least one."""
        return max(round(epochs * self.steps_per_epoch), 1)
