"""The persistent compilation cache: a program compiled once starts at once the next time."""

from __future__ import annotations

import os
from pathlib import Path

import jax

LIMIT_BYTES = 2 * 2**30


def root() -> Path:
    """Returns the folder of what is kept from one process to the next: $DEEPVISION_CACHE, else ~/.cache/deepvision."""
    named = os.environ.get("DEEPVISION_CACHE")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deepvision"


def enable() -> None:
    """Keeps compiled programs under $DEEPVISION_CACHE, else ~/.cache/deepvision/xla; the oldest go at 2 GiB.

    A folder that cannot be written is passed over: the cache saves time, and nothing depends on it.
    """
    folder = root() / "xla"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", LIMIT_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
