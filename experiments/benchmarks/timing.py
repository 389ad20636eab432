"""Timing of functions against one another, robust on a machine that others use too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def compare(candidates: dict[str, Callable[[], Any]], rounds: int = 15) -> dict[str, float]:
    """Times the candidates in turn, round after round, and prints a table of them.

    What disturbs the machine disturbs all candidates of a round: the ratios, each taken within a round to the first
    candidate, keep still where the times do not.

    Args:
        candidates: name -> function of nothing, which returns arrays; the first is what the others are compared with.
        rounds: how often each is timed, after one call to compile it.

    Returns: the median time of each, in seconds.
    """
    for run in candidates.values():
        jax.block_until_ready(run())
    seconds = {name: np.empty(rounds) for name in candidates}
    for turn in range(rounds):
        for name, run in candidates.items():
            start = time.perf_counter()
            jax.block_until_ready(run())
            seconds[name][turn] = time.perf_counter() - start
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
