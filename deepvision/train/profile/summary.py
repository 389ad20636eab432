"""What is reported of a trace: what each operation took, and how much of the time none ran."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepvision.train.profile.account import attributed, clipped, covered
from deepvision.train.profile.programs import Meaning, Program
from deepvision.train.profile.source import Source
from deepvision.train.profile.trace import Run, Trace
from deepvision.train.run_folder import write_json
from deepvision.train.stored import read_json

OPERATIONS = "operations.json"
_LISTED = 50  # in operations.md
_UNKNOWN = Meaning("unknown", Source("", "", ""), False)
_BETWEEN_MEMORIES = Meaning("copy", Source("", "", ""), False)  # of a GPU and the host: no program has it
_OPERATION = {"operation": str, "kind": str, "layer": str, "way": str, "ms": float, "share": float, "calls": float}
_FORM = {"asked": int, "first": int, "steps": int, "devices": int, "ms": float, "idle": float}


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation of the compiled programs; times and calls are those of one step and one device.

    Attributes:
        operation: its name in the program.
        kind: convolution, matrix product, reduction, elementwise, copy ...
        layer: the path of modules that it came from, or another part of the step.
        way: forward, backward, or "".
        name: what jax says of its origin.
        ms: milliseconds; moments in which several operations ran are shared by them equally.
        share: of the step's wall time.
        calls: how often it ran.
    """

    operation: str
    kind: str
    layer: str
    way: str
    name: str
    ms: float
    share: float
    calls: float


@dataclasses.dataclass(frozen=True)
class Summary:
    """Of the traced steps.

    Attributes:
        asked: steps that were asked for.
        first: the step before the first one traced.
        steps: how many were traced.
        devices: of this process, that ran something.
        ms: wall time of a step, while it was traced.
        idle: share of that time in which no operation ran on a device, the mean over them.
        operations: the dearest first; their shares and `idle` sum to one.
    """

    asked: int
    first: int
    steps: int
    devices: int
    ms: float
    idle: float
    operations: tuple[Operation, ...]

    @property
    def kinds(self) -> dict[str, float]:
        """The share of each kind, the largest first."""
        shares: dict[str, float] = collections.defaultdict(float)
        for operation in self.operations:
            shares[operation.kind] += operation.share
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def sentences(self) -> list[str]:
        """Returns what the table of operations does not say."""
        devices = f" of {self.devices} devices, the mean over them" if self.devices > 1 else ""
        kinds = ", ".join(f"{kind} {100 * share:.1f} %" for kind, share in self.kinds.items() if share >= 0.0005)
        return [
            f"Steps {self.first + 1:,} to {self.first + self.steps:,}{devices}: {self.ms:,.3f} ms of wall time per"
            f" step, traced, of which the device was idle for {100 * self.idle:.2f} %.",
            f"By kind: {kinds}.",
        ]

    def write(self, folder: Path) -> None:
        """Writes operations.json, and operations.md for a reader."""
        write_json(folder / OPERATIONS, dataclasses.asdict(self))
        (folder / "operations.md").write_text(self._markdown())

    @classmethod
    def read(cls, folder: Path) -> Summary:
        """Reads what `write` wrote.

        Raises:
            UserError: it is damaged.
        """
        content = read_json(folder / OPERATIONS, {**_FORM, "operations": [{**_OPERATION, "name": str}]})
        return cls(**content | {"operations": tuple(Operation(**entry) for entry in content["operations"])})

    def _markdown(self) -> str:
        rows = ["| operation | kind | layer | pass | ms per step | share (%) | calls per step |"]
        rows.append("|---|---|---|---|---:|---:|---:|")
        for o in self.operations[:_LISTED]:
            cells = (f"`{o.operation}`", o.kind, o.layer, o.way, f"{o.ms:.4f}", f"{100 * o.share:.2f}", f"{o.calls:g}")
            rows.append("| " + " | ".join(cells) + " |")
        all_of_them = f"All {len(self.operations)} are in {OPERATIONS}."
        return "\n\n".join(["# Operations of a training step", *self.sentences(), "\n".join(rows), all_of_them]) + "\n"


def summarize(trace: Trace, programs: Mapping[int, Program], asked: int, first: int, steps: int) -> Summary:
    """Returns the summary of a trace of so many steps behind the step `first`."""
    window = trace.window
    length, devices = window.end - window.start, len(trace.devices)
    times: dict[Any, float] = collections.defaultdict(float)
    calls: collections.Counter[Any] = collections.Counter()
    meanings, idle = {}, 0.0
    for runs in trace.devices.values():
        told = [(clipped(run.when, window), *_told(run, programs)) for run in runs]
        inside = [(when, key, meaning) for when, key, meaning in told if when.end > when.start]
        meanings |= {key: meaning for _, key, meaning in inside}
        calls.update(key for _, key, _ in inside)
        for key, time in attributed([(when, key, meaning.holds_others) for when, key, meaning in inside]).items():
            times[key] += time
        idle += 1 - covered(when for when, _, _ in inside) / length
    operations = [
        Operation(
            operation=key[1],
            kind=meanings[key].kind,
            layer=meanings[key].source.layer,
            way=meanings[key].source.way,
            name=meanings[key].source.name,
            ms=time / 1e6 / steps / devices,
            share=time / length / devices,
            calls=calls[key] / steps / devices,
        )
        for key, time in times.items()
    ]
    operations.sort(key=lambda operation: (-operation.ms, operation.operation))
    return Summary(asked, first, steps, devices, length / 1e6 / steps, idle / devices, tuple(operations))


def _told(run: Run, programs: Mapping[int, Program]) -> tuple[tuple[int, str], Meaning]:
    """Returns by what an operation is known, and its meaning."""
    for number in (run.program,) if run.program in programs else programs:
        name = programs[number].find(run.names)
        if name is not None:
            return (number, name), programs[number].meaning(name)
    name = run.names[-1]
    return (-1, name), _BETWEEN_MEMORIES if name.startswith("Memcpy") else _UNKNOWN
