"""Averages of the weights over the steps of training; evaluation uses the average where one is kept.

An entry gives, as a function of the step t (0 for the first update), the share w_t of the newest weights:

    average <- (1 - w_t) average + w_t weights

Running averages of norms and the like are averaged in the same way. Training goes on from the weights, but of an entry
that `restarts` from the average, whenever that has moved.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax.numpy as jnp

from deepvision.checks import check_count, check_number
from deepvision.errors import UserError
from deepvision.types import Array


@dataclasses.dataclass(frozen=True)
class Average:
    """What the averages share."""

    restarts: ClassVar[bool] = False

    def share(self, step: Array, steps_per_epoch: float, total_steps: int) -> Array:
        """Returns w_t.

        Args:
            step: t, which may be traced.
            steps_per_epoch: that epochs are counted by.
            total_steps: of the whole training.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class ExponentialAverage(Average):
    """w_t = 1 - min(decay, (1 + t) / (10 + t)): an exponential moving average that soon forgets the initial values.

    Attributes:
        decay: in [0, 1); the average reaches back about 1 / (1 - decay) steps.
    Source: Tarvainen & Valpola 2017, section 3; Szegedy et al. 2015 (1512.00567), section 8.
    """

    decay: float = 0.999

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise UserError(f"averaging 'ema': decay must lie in [0, 1), got {self.decay}")

    def share(self, step: Array, steps_per_epoch: float, total_steps: int) -> Array:
        return 1 - jnp.minimum(self.decay, (1 + step) / (10 + step))


@dataclasses.dataclass(frozen=True)
class PolyakAverage(Average):
    """w_t = 1 / (t - t_0 + 1): the plain mean of the weights of all steps from t_0 on.

    Attributes:
        start_epoch: at which t_0 lies; before it, the newest weights stand for the average.
    Source: Polyak & Juditsky 1992.
    """

    start_epoch: float = 0.0

    def share(self, step: Array, steps_per_epoch: float, total_steps: int) -> Array:
        return 1 / (jnp.maximum(step - round(self.start_epoch * steps_per_epoch), 0) + 1)


@dataclasses.dataclass(frozen=True)
class StochasticWeightAverage(Average):
    """w_t = 1 / (k + 1) at the end of the k-th cycle from t_0 on, else 0: the mean of one set of weights per cycle.

    Attributes:
        start_epoch: at which t_0 lies; before it, the newest weights stand for the average.
        cycle_epochs: length of a cycle.
    Source: Izmailov et al. 2018, algorithm 1.
    """

    start_epoch: float = 0.0
    cycle_epochs: float = 1.0

    def __post_init__(self) -> None:
        if self.cycle_epochs <= 0:
            raise UserError(f"averaging 'swa': cycle_epochs must be positive, got {self.cycle_epochs}")

    def share(self, step: Array, steps_per_epoch: float, total_steps: int) -> Array:
        cycle = max(round(self.cycle_epochs * steps_per_epoch), 1)
        done = step + 1 - round(self.start_epoch * steps_per_epoch)  # updates since t_0
        at_the_end = jnp.where(done % cycle == 0, 1 / jnp.maximum(done // cycle, 1), 0.0)
        return jnp.where(done < cycle, 1.0, at_the_end)


@dataclasses.dataclass(frozen=True)
class Lookahead(Average):
    """w_t = 1 - decay ((t + 1) / T)^power at every `every`-th of T updates, else 0; training restarts from there.

    The average are the slow weights, the newest ones the fast. With the power 0, every sync goes a share 1 - decay of
    the way; with a power above 0, all of it at first, and less and less.

    Attributes:
        every: updates from one sync to the next.
        decay: in [0, 1); what is left of the old slow weights at the end.
        power: at least 0.
    Source: Zhang et al. 2019 (1907.08610), algorithm 1, with every = 5, decay = 0.5 and power = 0; the schedule of
        github.com/tysam-code/hlb-CIFAR10 and Jordan 2024 (2404.00498), section 3.4, with 5, 0.95^5 and 3.
    """

    every: int = 5
    decay: float = 0.5
    power: float = 0.0

    restarts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_count("averaging 'lookahead'", "every", self.every)
        check_number("averaging 'lookahead'", "power", self.power, 0)
        if not 0 <= self.decay < 1:
            raise UserError(f"averaging 'lookahead': decay must lie in [0, 1), got {self.decay}")

    def share(self, step: Array, steps_per_epoch: float, total_steps: int) -> Array:
        done = step + 1
        return jnp.where(done % self.every == 0, 1 - self.decay * (done / total_steps) ** self.power, 0.0)


AVERAGES = {
    "ema": ExponentialAverage,
    "polyak": PolyakAverage,
    "swa": StochasticWeightAverage,
    "lookahead": Lookahead,
}
