"""What a process that computes does first."""

from __future__ import annotations

import sys

from deepvision.train import compile_cache, cpu_compiler, heap, onednn


def prepare() -> None:
    """Sets what makes jax start and run fast on this machine. Call it before jax starts its backend.

    What cannot be had is left out, with a line on the standard error.
    """
    cpu_compiler.set_options()
    compile_cache.enable()
    if cpu_compiler.on_cpu():
        heap.keep()
        problem = onednn.use()
        if problem:
            print(f"note: {problem}", file=sys.stderr)
