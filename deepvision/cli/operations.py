"""The table of what was traced: the dearest operations of a training step."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deepvision.errors import UserError
from deepvision.train.profile import FOLDER, OPERATIONS, Summary

_DEAREST = 10
_NARROW = 100  # columns; with fewer, an operation takes two lines


def operations_of(folder: Path, width: int) -> RenderableType:
    """Returns what the trace in a run folder says, for a console of so many columns.

    Raises:
        UserError: nothing was traced, or what was written of it is damaged.
    """
    if not (folder / FOLDER / OPERATIONS).is_file():
        raise UserError(
            f"profile: there is no account of operations in {folder}: the run had been finished before, or ended too"
            " early, or its device tells the profiler nothing; choose another --workdir"
        )
    return shown(Summary.read(folder / FOLDER), width)


def shown(summary: Summary, width: int) -> RenderableType:
    """Returns the table of the dearest operations, what is left of the step, and sentences about all."""
    dearest, rest = summary.operations[:_DEAREST], summary.operations[_DEAREST:]
    table = Table(title="Where a training step spends its time", box=box.SIMPLE_HEAD, pad_edge=False)
    headings = _texts(("operation", "kind", "layer", "pass"), width)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for heading in ("ms", "share (%)", "calls"):
        table.add_column(heading, justify="right", no_wrap=True)
    for o in dearest:
        texts = _texts((o.operation, o.kind, o.layer, o.way), width)
        table.add_row(*texts, *_amounts(o.ms, o.share), f"{o.calls:g}")
    empty = [""] * (len(headings) - 1)
    table.add_section()
    table.add_row(f"{len(rest):,} more", *empty, *_amounts(sum(o.ms for o in rest), sum(o.share for o in rest)))
    table.add_row("idle", *empty, *_amounts(summary.idle * summary.ms, summary.idle))
    table.add_row("a step", *empty, *_amounts(summary.ms, 1.0))
    return Group(table, *map(Text, summary.sentences()))


def _texts(cells: tuple[str, str, str, str], width: int) -> tuple[str, ...]:
    """Returns the cells of an operation that are no numbers, two in one where there is no room for all."""
    name, kind, layer, way = cells
    return cells if width >= _NARROW else (f"{name}\n  {layer}", f"{kind}\n  {way}")


def _amounts(ms: float, share: float) -> tuple[str, str]:
    return f"{ms:,.3f}", f"{100 * share:.1f}"
