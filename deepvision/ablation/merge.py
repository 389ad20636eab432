"""Reads ablations from their folders, and unites those of different days or machines.

Two arms are one when their configs are equal but for `NO_PART_OF_AN_ARM`: their seeds are united. Arms whose configs
differ in anything else stay apart, and a field that tells apart what the axes do not becomes a column of its own.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepvision.ablation.arms import axis_names, label
from deepvision.ablation.metrics import get_metric
from deepvision.ablation.results import ArmResult, Results, Run, Study, check_metric, read_arm
from deepvision.errors import UserError, unknown
from deepvision.train.run_folder import read_json

# Names and questions, the seeds that are united, and what says where data lie and what is kept, not what is computed.
NO_PART_OF_AN_ARM = (
    "name",
    "seed",
    "data.data_dir",
    "data.num_workers",
    "data.prefetch",
    "train.log_every_steps",
    "train.keep_checkpoints",
)
_ABSENT = "–"  # a field that an older config does not have


def read_results(folders: Path | Sequence[Path], metric: str = "", baseline: str = "") -> Results:
    """Reads `ablation.json` in every folder and the run folders of the arms it names.

    Args:
        folders: of one ablation, or of several to unite, the first one's name, metric and order coming first.
        metric: what to compare by; "" as the first folder says.
        baseline: name of an arm, or its labels, "batch"; "" as the first folder says.

    Raises:
        UserError: a folder without an ablation or given twice, an unknown metric, an arm without it, no such baseline.
    """
    folders = (folders,) if isinstance(folders, Path) else tuple(folders)
    for folder in folders:
        if [other.resolve() for other in folders].count(folder.resolve()) > 1:
            raise UserError(f"{folder} is given more than once")
    studies = tuple(read_study(folder) for folder in folders)
    first = studies[0]
    found = [_read_arms(study) for study in studies]
    arms, fields, axes, notes = found[0], first.fields, first.axes, []
    if len(studies) > 1:
        fields = _all_fields(studies, found)
        axes = tuple(axis_names(list(fields)))
        arms, notes = _unite([_relabelled(arm, fields, axes) for several in found for arm in several])
    chosen = get_metric(metric or first.metric)
    for arm in arms:
        check_metric(list(arm.runs), chosen)
    named = find_arm(baseline or first.baseline, arms)
    name = " + ".join(dict.fromkeys(study.name for study in studies))
    delta = first.delta if chosen.name == first.metric else 0.0  # it is a difference of that metric
    return Results(name, chosen, fields, axes, tuple(arms), named, delta, studies, tuple(notes))


def read_study(folder: Path) -> Study:
    """Reads what `ablation.json` says of the comparison as a whole.

    Raises:
        UserError: there is none.
    """
    if not (folder / "ablation.json").is_file():
        raise UserError(f"{folder} holds no ablation: there is no {folder / 'ablation.json'}")
    content = {"baseline": "", "delta": 0.0, "claim": "", "command": ""} | read_json(folder / "ablation.json")
    fields = {field.name: content[field.name] for field in dataclasses.fields(Study) if field.name in content}
    return Study(**fields | {"fields": tuple(content["fields"]), "axes": tuple(content["axes"]), "folder": folder})


def find_arm(name: str, arms: Sequence[Any]) -> Any:
    """Returns the arm that has this name, or these labels; the first arm if the name is empty.

    Raises:
        UserError: there is none; lists those there are.
    """
    if not name:
        return arms[0]
    for arm in arms:
        if name in (arm.name, ",".join(arm.labels)):
            return arm
    raise unknown("arm", name, [arm.name for arm in arms])


def flatten(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a plain config as {"model.norm": ...}: sections are one deep, a mapping below them is a value."""
    flat = {}
    for name, value in config.items():
        inner = value.items() if isinstance(value, dict) else ()
        flat |= {f"{name}.{key}": item for key, item in inner} if inner else {name: value}
    return flat


def _read_arms(study: Study) -> list[ArmResult]:
    arms = []
    for arm in read_json(study.folder / "ablation.json")["arms"]:
        path = study.folder / arm["folder"]
        file = path / "config.json"
        config = arm.get("config") or (read_json(file) if file.is_file() else {})
        arms.append(read_arm(path, arm["name"], tuple(arm["labels"]), flatten(config)))
    return arms


def _all_fields(studies: Sequence[Study], found: Sequence[list[ArmResult]]) -> tuple[str, ...]:
    """Returns the axes of all folders, then the fields that tell apart what the axes do not."""
    axes = tuple(dict.fromkeys(field for study in studies for field in study.fields))
    arms = [arm for several in found for arm in several if arm.config]
    shared = [_shared([arm for arm in several if arm.config]) for several in found]
    fields = sorted({field for arm in arms for field in identity(arm)})
    others = [f for f in fields if f not in axes and len({_text(s[f]) for s in shared if f in s}) > 1]
    alike: dict[tuple[str, ...], list[ArmResult]] = {}
    for arm in arms:
        alike.setdefault(tuple(_label(arm, field) for field in (*axes, *others)), []).append(arm)
    for group in alike.values():
        others += [field for field in fields if field not in (*axes, *others) and _tells_apart(field, group)]
    return (*axes, *others)


def _tells_apart(field: str, arms: Sequence[ArmResult]) -> bool:
    return len({_text(arm.config.get(field, _ABSENT)) for arm in arms}) > 1


def _shared(arms: Sequence[ArmResult]) -> dict[str, Any]:
    """Returns the fields, with their values, in which all arms of a folder agree; one that is absent has its sign."""
    names = {field for arm in arms for field in identity(arm)}
    return {field: arms[0].config.get(field, _ABSENT) for field in names if not _tells_apart(field, arms)}


def identity(arm: ArmResult) -> dict[str, Any]:
    """Returns the fields of an arm's config by which it is known."""
    return {
        field: value
        for field, value in arm.config.items()
        if field not in NO_PART_OF_AN_ARM and not field.startswith("ablation.")
    }


def _relabelled(arm: ArmResult, fields: Sequence[str], axes: Sequence[str]) -> ArmResult:
    labels = tuple(_label(arm, field) for field in fields) if arm.config else arm.labels
    if len(labels) != len(fields):
        raise UserError(f"arm {arm.name} left no config to compare it by; run its ablation again, or report it alone")
    name = ",".join(f"{axis}={text}" for axis, text in zip(axes, labels, strict=True))
    return dataclasses.replace(arm, name=name, labels=labels)


def _label(arm: ArmResult, field: str) -> str:
    return label(_tuples(arm.config[field])) if field in arm.config else _ABSENT


def _tuples(value: Any) -> Any:
    """JSON knows lists only; in a config every sequence is a tuple."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _unite(arms: Sequence[ArmResult]) -> tuple[list[ArmResult], list[str]]:
    """Returns one arm for all that have the same config, and what a reader must know of that."""
    groups: dict[str, list[ArmResult]] = {}
    for arm in arms:
        groups.setdefault(_text(identity(arm)) if arm.config else arm.name, []).append(arm)
    notes: list[str] = []
    return [_one(group, notes) for group in groups.values()], notes


def _one(arms: Sequence[ArmResult], notes: list[str]) -> ArmResult:
    runs: dict[int, Run] = {}
    for run in (run for arm in arms for run in arm.runs):
        first = runs.setdefault(run.seed, run)
        if first is not run:
            notes.append(_twice(arms[0].name, first, run))
    failures = {seed: reason for arm in arms for seed, reason in arm.failures.items()}
    for seed in failures.keys() & runs.keys():
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
    )


def _twice(name: str, first: Run, second: Run) -> str:
    """Says whether a run that was made twice came out the same."""
    different = [key for key in first.last if first.last[key] != second.last.get(key)]
    if not different:
        return f"{name}, seed {first.seed}: run twice, with equal numbers ({first.folder}, {second.folder})"
    key = different[0]
    return (
        f"{name}, seed {first.seed}: run twice, with different numbers: {key} {first.last[key]:.6g} in {first.folder},"
        f" {second.last.get(key, float('nan')):.6g} in {second.folder}; the first is used"
    )


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
