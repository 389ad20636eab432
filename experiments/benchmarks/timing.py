"""Timing of functions against one another, robust on a machine that others use too."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
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


def table(seconds: dict[str, np.ndarray]) -> str:
    """Returns a table in Markdown of what `measure` found: medians, of the ratios to the first too."""
    first = next(iter(seconds))
    rows = [f"| {'':<24} | median ms | relative to {first} |"]
    rows.append(f"|{'-' * 26}|{'-' * 10}:|{'-' * (13 + len(first))}:|")
    for name, times in seconds.items():
        ratio = np.median(times / seconds[first])
        rows.append(f"| {name:<24} | {1e3 * np.median(times):9.2f} | {ratio:{12 + len(first)}.2f} |")
    return "\n".join(rows) + "\n"


def compare(candidates: dict[str, Callable[[], Any]], rounds: int = 15) -> dict[str, float]:
    """Prints a table of the candidates, timed by `measure` and compared with the first.

    Returns: the median time of each, in seconds.
    """
    seconds = measure(candidates, rounds)
    print(table(seconds), end="")
    return {name: float(np.median(times)) for name, times in seconds.items()}


def write(file: Path, benchmark: str, text: str) -> None:
    """Writes the results of `python -m experiments.benchmarks.BENCHMARK`, below how and where they were measured."""
    command = " ".join(["python -m", f"experiments.benchmarks.{benchmark}", *sys.argv[1:]])
    where = f"{os.cpu_count()} CPU cores, jax {jax.__version__}, {time.strftime('%Y-%m-%d')}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"`{command}`, {where}\n\n{text}")


def timed(function: Callable, params: dict, x: jax.Array, cotangent: jax.Array) -> Callable:
    """Returns a function of nothing that computes value and gradients of `function(params, x)`."""

    @jax.jit
    def run(params, x, cotangent):
        y, pull = jax.vjp(function, params, x)
        return y, pull(cotangent)

    return lambda: run(params, x, cotangent)
