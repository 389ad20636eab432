"""An experiment, built: all objects that training needs, and nothing of where it runs or what it writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import optax
from ml_collections import ConfigDict

from deepvision.data.pipeline import Pipeline
from deepvision.tasks.task import Task
from deepvision.train.views import Views


@dataclasses.dataclass(frozen=True)
class Parts:
    """What the numeric fields of a config go into."""

    model: nn.Module
    task: Task
    optimizer: optax.GradientTransformation


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What `build.build` returns.

    Attributes:
        config: what it was built from.
        seeds: one replica each.
        numbers: numeric fields with their values, one per replica; see `numbers.NUMBERS`.
        model, task: as evaluated.
        parts: (numbers of one replica, which may be traced) -> what trains with them.
        train, evaluation: the pipelines.
        penalties: params -> scalar, added to the loss.
        projections: (params, step, model_state) -> params, after each update.
        averaging: of the weights, an entry of `averaging.AVERAGES`, or None.
        views: of an image in evaluation, an entry of `views.VIEWS`, or None: the image itself.
        pretrained: variables to start from, by path (collection, module, ..., leaf); empty: none.
        total_steps: updates of the whole training.
        parameters, macs: of the network, for one example.
        loops: what became of its runs of equal blocks, in words; see `Description`.
    """

    config: ConfigDict
    seeds: tuple[int, ...]
    numbers: Mapping[str, tuple[float, ...]]
    model: nn.Module
    task: Task
    parts: Callable[[Mapping[str, Any]], Parts]
    train: Pipeline
    evaluation: Pipeline
    penalties: tuple[Callable[..., Any], ...]
    projections: tuple[Callable[..., Any], ...]
    averaging: Any
    views: Views | None
    pretrained: Mapping[tuple[str, ...], Any]
    total_steps: int
    parameters: int
    macs: int
    loops: str

    @property
    def name(self) -> str:
        return self.config.name or self.config.model.name

    @property
    def steps_per_epoch(self) -> float:
        return self.train.num_examples / self.train.batch_size

    def of(self, replicas: Sequence[int]) -> Experiment:
        """Returns the same with some of the replicas only."""
        numbers = {field: tuple(values[r] for r in replicas) for field, values in self.numbers.items()}
        return dataclasses.replace(self, seeds=tuple(self.seeds[r] for r in replicas), numbers=numbers)

    def steps_between(self, epochs: float) -> int:
        """Returns the number of steps nearest to so many epochs, at least one."""
        return max(round(epochs * self.steps_per_epoch), 1)
