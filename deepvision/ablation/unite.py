"""Arms of several folders made one where their configs are equal: their seeds are united, nothing is averaged."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

from deepvision.ablation.results import ArmResult, Run

# Names and questions, the seeds that are united, and what says where data lie and what is kept, not what is computed.
NO_PART_OF_AN_ARM = (
    "name",
    "seed",
    "profile",
    "data.data_dir",
    "data.num_workers",
    "data.prefetch",
    "train.log_every_steps",
    "train.keep_checkpoints",
    "train.watchdog_seconds",
)


def unite(arms: Sequence[ArmResult]) -> tuple[list[ArmResult], list[str]]:
    """Returns one arm for all that have the same config, and what a reader must know of that."""
    groups: dict[str, list[ArmResult]] = {}
    for arm in arms:
        groups.setdefault(as_text(identity(arm)) if arm.config else arm.name, []).append(arm)
    notes: list[str] = []
    return [_one(group, notes) for group in groups.values()], notes


def identity(arm: ArmResult) -> dict[str, Any]:
    """Returns the fields of an arm's config by which it is known."""
    return {field: value for field, value in arm.config.items() if tells(field)}


def tells(field: str) -> bool:
    """Whether an arm is known by this field."""
    return field not in NO_PART_OF_AN_ARM and not field.startswith("ablation.")


def _one(arms: Sequence[ArmResult], notes: list[str]) -> ArmResult:
    runs: dict[int, Run] = {}
    pairs = [(runs.setdefault(run.seed, run), run) for arm in arms for run in arm.runs]
    notes += _twice(arms[0].name, [(first, run) for first, run in pairs if first is not run])
    failures = {seed: reason for arm in arms for seed, reason in arm.failures.items()}
    for seed in sorted(failures.keys() & runs.keys()):
        notes.append(
            f"{arms[0].name}, seed {seed}: failed in one folder ({failures[seed]}), finished in {runs[seed].folder};"
            " the finished run is used"
        )
    failures = {seed: reason for seed, reason in sorted(failures.items()) if seed not in runs}
    pending = {seed for arm in arms for seed in arm.pending} - runs.keys() - failures.keys()
    return dataclasses.replace(
        arms[0],
        runs=tuple(runs[seed] for seed in sorted(runs)),
        failures=failures,
        pending=tuple(sorted(pending)),
        costs=tuple(cost for arm in arms for cost in arm.costs),
        environments=tuple(environment for arm in arms for environment in arm.environments),
        ensembles=tuple({each.seeds: each for arm in arms for each in arm.ensembles}.values()),
        tried=tuple({as_text(each): each for arm in arms for each in arm.tried}.values()),
    )


def _twice(name: str, pairs: Sequence[tuple[Run, Run]]) -> list[str]:
    """Says which runs of an arm were made twice, and how far they differ where they do."""
    gaps = {pair[0].seed: _gap(*pair) for pair in pairs}
    notes = []
    equal = [seed for seed, gap in gaps.items() if gap is None]
    if equal:
        notes.append(f"{name}: run twice, with equal numbers, {_seeds(equal)}")
    different = {seed: gap for seed, gap in gaps.items() if gap is not None}
    if different:
        seed = max(different, key=lambda seed: different[seed][0])
        notes.append(
            f"{name}: run twice, with different numbers, {_seeds(different)}"
            f" (most of all seed {seed}: {different[seed][1]}); the first is used"
        )
    return notes


def _gap(first: Run, second: Run) -> tuple[float, str] | None:
    """Returns the largest relative difference between the metrics of two runs, and the words for it."""
    gaps = []
    for name in first.last.keys() & second.last.keys():
        a, b = first.last[name], second.last[name]
        words = f"{name} {a:.8g} in {first.folder}, {b:.8g} in {second.folder}"
        gaps += [(abs(a - b) / max(abs(a), abs(b)), words)] if a != b else []
    return max(gaps, default=None)


def _seeds(seeds: Iterable[int]) -> str:
    listed = [str(seed) for seed in seeds]
    return f"seed{'s' if len(listed) > 1 else ''} {', '.join(listed)}"


def as_text(value: Any) -> str:
    """Returns a plain value as text that is equal for equal values."""
    return json.dumps(value, sort_keys=True)
