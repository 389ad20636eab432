"""How the memory of a process is kept between steps."""

from __future__ import annotations

import ctypes
import platform

# Of malloc.h:
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_NEVER = -1


def keep() -> None:
    """Has glibc keep the memory that a step frees for the next one. Call it before there are other threads.

    On a CPU, XLA takes the room for all intermediate results of a step anew each time. Hundreds of megabytes that go
    back to the system at the end of a step come again in pages, each cleared and entered at its first use: a third of
    the step of a small network. One heap for all threads is needed, since those of single threads stay small.
    Elsewhere than on glibc nothing is done.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_ARENA_MAX, 1)
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
