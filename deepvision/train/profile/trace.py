"""Reads a trace: what ran on which device, and when."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from deepvision.train.profile.account import Interval

STEP = "training step"  # what the tracer calls a dispatch
_DEVICE = re.compile(r"/device:(?!CUSTOM)\w+:\d+")
_END = "end: "


@dataclasses.dataclass(frozen=True)
class Run:
    """An operation that ran once.

    Attributes:
        when: it ran.
        names: what it may be called in its program.
        program: the number of that, if it is known.
    """

    when: Interval
    names: tuple[str, ...]
    program: int | None


@dataclasses.dataclass(frozen=True)
class Trace:
    """What a trace holds of some steps.

    Attributes:
        window: from the start of the first dispatch to the end of the last.
        devices: the operations of each device, by its name.
    """

    window: Interval
    devices: dict[str, list[Run]]


def read_trace(file: Path) -> Trace:
    """Reads an .xplane.pb.

    Raises:
        ValueError: it holds no steps.
    """
    planes = list(jax.profiler.ProfileData.from_file(str(file)).planes)
    steps = [_when(event) for plane in planes for line in plane.lines for event in line.events if event.name == STEP]
    if not steps:
        raise ValueError(f"{file} holds no {STEP}")
    window = Interval(min(step.start for step in steps), max(step.end for step in steps))
    devices = {plane.name: list(_on_accelerator(plane)) for plane in planes if _DEVICE.fullmatch(plane.name)}
    if not any(devices.values()):
        devices = _on_host(planes)
    return Trace(window, {name: runs for name, runs in devices.items() if runs})


def _on_accelerator(plane: Any) -> Iterator[Run]:
    """Yields what ran on a TPU, which has a line of operations, or on a GPU, which has one of kernels per stream."""
    lines = list(plane.lines)
    operations = [line for line in lines if line.name == "XLA Ops"]
    for line in operations or [line for line in lines if line.name.startswith("Stream")]:
        for event in line.events:
            stats, name = dict(event.stats), event.name.split(" = ")[0].lstrip("%")
            inner = str(stats.get("hlo_op", "")).split("::")[-1]  # behind what encloses it
            yield Run(_when(event), (inner, name) if inner else (name,), stats.get("program_id"))


def _on_host(planes: list[Any]) -> dict[str, list[Run]]:
    """Returns what ran on the devices that are the host's cores, whichever threads it ran on.

    An operation that other threads finish has an event of its own for its end.
    """
    events = [event for plane in planes for line in plane.lines for event in line.events]
    begun, ends = [], {}
    for event in events:
        stats = dict(event.stats)
        if "hlo_op" in stats:
            begun.append((event, stats))
        elif event.name.startswith(_END):
            ends[stats.get("_c")] = event.start_ns
    devices: dict[str, list[Run]] = {}
    for event, stats in begun:
        start, end = _when(event)
        run = Run(
            Interval(start, max(end, ends.get(stats.get("_p"), end))), (stats["hlo_op"],), stats.get("program_id")
        )
        devices.setdefault(f"CPU {stats.get('device_ordinal', 0)}", []).append(run)
    return devices


def _when(event: Any) -> Interval:
    return Interval(event.start_ns, event.end_ns)
