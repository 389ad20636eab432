"""`ablate --dry_run`: the arms, what each differs in, and what they will cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_collections import config_dict
from rich.table import Table

from deepvision.ablation.arms import Arm, label, make_arms
from deepvision.ablation.groups import group_arms, shard
from deepvision.build import build_replicas
from deepvision.errors import UserError
from deepvision.train.display import Display
from deepvision.train.programs import Programs
from deepvision.train.timing import memory_mb, time_steps

_COLUMNS = ("parameters", "MACs", "steps", "ms per step", "memory of one (MiB)", "compile (s)", "train all seeds (min)")


def estimate(config: config_dict.ConfigDict, part: str, display: Display) -> Table:
    """Returns a table of the arms; one step of every structurally different arm is compiled and timed."""
    arms, seeds = shard(make_arms(config), part), config.ablation.seeds
    costs: dict[str, tuple[str, ...]] = {}
    minutes = 0.0
    for group in group_arms(arms).values():
        display.note(f"timing {group[0].name}")
        cells, spent = _cost(group[0], seeds)
        costs |= dict.fromkeys((arm.name for arm in group), cells)
        minutes += spent * len(group)
    title = f"{config.name}: {len(arms)} arms x {seeds} seeds, about {minutes:,.1f} minutes without evaluation"
    table = Table(title=title, caption="Time as if replicas ran one after another; in one program they may be faster.")
    table.add_column("arm")
    table.add_column("differs in")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for arm in arms:
        table.add_row(arm.name, _differences(arm.changes), *costs[arm.name])
    return table


def _cost(arm: Arm, seeds: int) -> tuple[tuple[str, ...], float]:
    """Returns the cells of an arm, and the minutes that all its seeds take."""
    try:
        experiment = build_replicas([arm.config], [arm.config.seed])
        programs = Programs(experiment, 1, together=True, why="")
        timing, memory = time_steps(experiment, programs), memory_mb(experiment, programs)
    except UserError as error:
        return (f"fails: {error}", *("",) * (len(_COLUMNS) - 1)), 0.0
    minutes = (timing.seconds * experiment.total_steps * seeds + timing.seconds_to_compile) / 60
    numbers = (timing.seconds * 1e3, memory, timing.seconds_to_compile, minutes)
    counts = (experiment.parameters, experiment.macs, experiment.total_steps)
    return (*(f"{count:,}" for count in counts), *(f"{number:,.2f}" for number in numbers)), minutes


def _differences(changes: Mapping[str, Any]) -> str:
    return ", ".join(f"{field} = {label(value)}" for field, value in changes.items()) or "nothing"
