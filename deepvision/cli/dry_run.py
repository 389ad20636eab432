"""`ablate --dry_run`: the arms, what each differs in, and what they will cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
from ml_collections import config_dict
from rich.table import Table

from deepvision.ablation.arms import Arm, label, read_values
from deepvision.ablation.groups import group_arms, shard
from deepvision.ablation.run import checked_arms
from deepvision.build import build_replicas
from deepvision.errors import UserError, out_of_memory
from deepvision.train.display import Display
from deepvision.train.programs import Programs
from deepvision.train.timing import memory_mb, time_steps

_COLUMNS = ("parameters", "MACs", "steps", "ms per step", "memory of one (MiB)", "compile (s)", "all runs (min)")


def estimate(config: config_dict.ConfigDict, part: str, display: Display) -> Table:
    """Returns a table of the arms; one step of every structurally different arm is compiled and timed."""
    arms = shard(checked_arms(config)[0], part)
    tried = math.prod(map(len, read_values(config, "tune").values())) if config.ablation.tune else 0
    runs = config.ablation.seeds + tried * config.ablation.tune_seeds
    costs: dict[str, tuple[str, ...]] = {}
    minutes = 0.0
    for group in group_arms(arms).values():
        display.note(f"timing {group[0].name}")
        cells, spent = _cost(group[0], runs)
        costs |= dict.fromkeys((arm.name for arm in group), cells)
        minutes += spent * len(group)
    title = f"{config.name}: {len(arms)} arms x {runs} runs, about {minutes:,.1f} minutes without evaluation"
    table = Table(
        title=title,
        caption="Runs: seeds, and trials of tuning. Time of them one after another; in one program they may be faster.",
    )
    table.add_column("arm")
    table.add_column("differs in")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for arm in arms:
        table.add_row(arm.name, _differences(arm.changes), *costs[arm.name])
    return table


def _cost(arm: Arm, runs: int) -> tuple[tuple[str, ...], float]:
    """Returns the cells of an arm, and the minutes that all its runs take."""
    try:
        experiment = build_replicas([arm.config], [arm.config.seed])
        programs = Programs(experiment, 1, together=True, why="")
        timing, memory = time_steps(experiment, programs), memory_mb(experiment, programs)
    except (UserError, jax.errors.JaxRuntimeError) as error:
        if not isinstance(error, UserError) and not out_of_memory(error):
            raise
        return (f"fails: {str(error).splitlines()[0]}", *("",) * (len(_COLUMNS) - 1)), 0.0
    minutes = (timing.seconds * experiment.total_steps * runs + timing.seconds_to_compile) / 60
    numbers = (timing.seconds * 1e3, memory, timing.seconds_to_compile, minutes)
    counts = (experiment.parameters, experiment.macs, experiment.total_steps)
    return (*(f"{count:,}" for count in counts), *(f"{number:,.2f}" for number in numbers)), minutes


def _differences(changes: Mapping[str, Any]) -> str:
    return ", ".join(f"{field} = {label(value)}" for field, value in changes.items()) or "nothing"
