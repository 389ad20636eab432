"""Timing of functions against one another, robust on a machine that others use too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def measure(candidates: dict[str, Callable[[], Any]], rounds: int = 15) -> dict[str, np.ndarray]:
    """Times the candidates in turn, round after round.

    What disturbs the machine disturbs all candidates of a round: ratios, each taken within a round, keep still where
    the times do not.

    Args:
        candidates: name -> function of nothing, which returns arrays.
        rounds: how often each is timed, after one call to compile it.

    Returns: the times of each, in seconds, [rounds].
    """
    for run in candidates.values():
        jax.block_until_ready(run())
    seconds = {name: np.empty(rounds) for name in candidates}
    for turn in range(rounds):
        for name, run in candidates.items():
            start = time.perf_counter()
            jax.block_until_ready(run())
            seconds[name][turn] = time.perf_counter() - start
    return seconds


def compare(candidates: dict[str, Callable[[], Any]], rounds: int = 15) -> dict[str, float]:
    """Prints a table of the candidates, timed by `measure` and compared with the first.

    Returns: the median time of each, in seconds.
    """
    seconds = measure(candidates, rounds)
    first = next(iter(candidates))
    print(f"| {'':<24} | median ms | relative to {first} |")
    print(f"|{'-' * 26}|{'-' * 10}:|{'-' * (13 + len(first))}:|")
    for name, times in seconds.items():
        ratio = np.median(times / seconds[first])
        print(f"| {name:<24} | {1e3 * np.median(times):9.2f} | {ratio:{12 + len(first)}.2f} |")
    return {name: float(np.median(times)) for name, times in seconds.items()}


def timed(function: Callable, params: dict, x: jax.Array, cotangent: jax.Array) -> Callable:
    """Returns a function of nothing that computes value and gradients of `function(params, x)`."""

    @jax.jit
    def run(params, x, cotangent):
        y, pull = jax.vjp(function, params, x)
        return y, pull(cotangent)

    return lambda: run(params, x, cotangent)
