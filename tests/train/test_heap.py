"""Memory that a step has freed is there for the next one."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from deepvision.train import heap

if sys.argv[1] == "kept":
    heap.keep()
import jax
import jax.numpy as jnp

run = jax.jit(lambda x: jnp.sort(jnp.tile(x, 16)).sum())  # needs room for more than its operand
x = jnp.arange(2**20, dtype=jnp.float32)
run(x).block_until_ready()
run(x).block_until_ready()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
run(x).block_until_ready()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.parametrize("way, low, high", [("kept", 0, 500), ("freed", 10_000, 100_000)])
def test_no_page_is_entered_twice(way, low, high):
    """64 MiB are 16,384 pages."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=True)
    assert low <= int(done.stdout) <= high
