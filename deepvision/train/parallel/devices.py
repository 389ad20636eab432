"""The devices of a run: what both modes do in their own ways, the loop and the programs without knowing which."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from deepvision.data.pipeline import Part
from deepvision.train import distributed

Feed = dict[str, np.ndarray]
Program = Callable[[Any, Any, Any], Any]  # (state or variables [r], resident, feed) -> metrics, or (state, metrics)
# It runs once, and on a CPU optimizing the generation of random numbers takes ten times as long as running it.
_QUICK = {"xla_backend_optimization_level": 0}


class Devices(abc.ABC):
    """The devices of all processes, in the order of the processes, and so is what each process feeds of a batch.

    Args:
        devices: as many of each process.

    Attributes:
        all: these.
        here: those of this process.
    """

    def __init__(self, devices: Sequence[jax.Device]) -> None:
        self.all = tuple(devices)
        self.here = tuple(device for device in self.all if device.process_index == jax.process_index())

    def __len__(self) -> int:
        return len(self.all)

    @abc.abstractmethod
    def replicate(self, tree: Any) -> Any:
        """Puts arrays that all processes have, whole, on every device."""

    @abc.abstractmethod
    def place(self, tree: Any) -> Any:
        """Puts a state or variables, leaves [r, ...] that all processes have, where the programs expect them."""

    @abc.abstractmethod
    def feed(self, feed: Feed, axis: int) -> Any:
        """Returns what the programs are fed, with an axis [d] in front.

        Args:
            feed: this process's part.
            axis: of the examples in it, which are cut into runs of equal length.
        """

    @abc.abstractmethod
    def compile(self, function: Program, donate: bool) -> Program:
        """Compiles a function of what has been placed, replicated and fed, which takes a feed without the axis [d].

        Args:
            function: traced; it returns what is the same on all devices.
            donate: the first argument is a state, which is used up; the new one comes first of what is returned.
        """

    @abc.abstractmethod
    def gather(self, tree: Any) -> Any:
        """Brings the leaves [r, ...] of placed parameters together, in the traced function: layers need them whole."""

    @abc.abstractmethod
    def scatter(self, tree: Any) -> Any:
        """Cuts leaves [r, ...] as `place` does, in the traced function."""

    def compile_once(self, function: Callable) -> Callable:
        """Compiles a function of arrays that all processes have and that returns a state, to be called once."""
        return compile_once(function)


def compile_once(function: Callable) -> Callable:
    """Compiles a function quickly."""
    return jax.jit(function, compiler_options=_QUICK)


def part() -> Part:
    """Returns which part of every batch this process feeds."""
    return Part(jax.process_index(), distributed.count())
