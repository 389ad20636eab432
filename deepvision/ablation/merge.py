"""Reads ablations from their folders, and puts those of different days or machines beside each other.

A field that tells apart what the axes do not becomes a column of its own: arms whose configs differ stay apart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepvision.ablation.arms import WITHIN, axis_names, label
from deepvision.ablation.metrics import get_metric
from deepvision.ablation.reading import check_metric, read_arm
from deepvision.ablation.results import ArmResult, Results, Study
from deepvision.ablation.unite import as_text, identity, tells, unite
from deepvision.errors import UserError, unknown
from deepvision.train.stored import read_json

_DESCRIPTION = {  # ablation.json; what may be missing is of older versions
    "name": str,
    "metric": str,
    "fields": [str],
    "axes": [str],
    "baseline?": str,
    "within?": [str],
    "delta?": float,
    "claim?": str,
    "command?": str,
    "arms": [{"name": str, "labels": [str], "folder": str, "config?": dict, "tried?": [dict]}],
}
_ABSENT = "–"  # a field that an older config does not have


def read_results(
    folders: Path | Sequence[Path],
    metric: str = "",
    baseline: str = "",
    defaults: Mapping[str, Any] | None = None,
) -> Results:
    """Reads `ablation.json` in every folder and the run folders of the arms it names.

    Args:
        folders: of one ablation, or of several to unite, the first one's name, metric and order coming first.
        metric: what to compare by; "" as the first folder says.
        baseline: name of an arm, or its labels, "batch"; "" as the first folder says.
        defaults: dotted fields of the default config, for configs from before a field was there.

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
        notes = [
            note for study, arms in zip(studies, found, strict=True) for note in _older(study, arms, defaults or {})
        ]
        found = [[_completed(arm, defaults or {}) for arm in arms] for arms in found]
        fields = _all_fields(studies, found)
        axes = tuple(axis_names(list(fields)))
        arms, twice = unite([_relabelled(arm, fields, axes) for several in found for arm in several])
        notes += twice
    chosen = get_metric(metric or first.metric)
    for arm in arms:
        check_metric(list(arm.runs), chosen)
    named = _baseline(baseline or first.baseline, arms, found)
    name = " + ".join(dict.fromkeys(study.name for study in studies))
    delta = first.delta if chosen.name == first.metric else 0.0  # it is a difference of that metric
    return Results(name, chosen, fields, axes, tuple(arms), named, first.within, delta, studies, tuple(notes))


def read_study(folder: Path) -> Study:
    """Reads what `ablation.json` says of the comparison as a whole.

    Raises:
        UserError: there is none, or it is damaged.
    """
    content = _read_description(folder)
    absent = {"baseline": "", "within": WITHIN, "delta": 0.0, "claim": "", "command": ""}
    content = absent | content
    fields = {field.name: content[field.name] for field in dataclasses.fields(Study) if field.name in content}
    lists = {name: tuple(content[name]) for name in ("fields", "axes", "within")}
    return Study(**fields | lists | {"folder": folder})


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


def _baseline(name: str, arms: Sequence[ArmResult], found: Sequence[list[ArmResult]]) -> ArmResult:
    """Returns the arm that is called so here, or was in the first of the folders that knows it."""
    if name and name not in [arm.name for arm in arms]:
        for own in (own for several in found for own in several if name in (own.name, ",".join(own.labels))):
            return next(arm for arm in arms if identity(arm) == identity(own))
    return find_arm(name, arms)


def flatten(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a plain config as {"model.norm": ...}: sections are one deep, a mapping below them is a value."""
    flat = {}
    for name, value in config.items():
        inner = value.items() if isinstance(value, dict) else ()
        flat |= {f"{name}.{key}": item for key, item in inner} if inner else {name: value}
    return flat


def _read_description(folder: Path) -> dict[str, Any]:
    file = folder / "ablation.json"
    if not file.is_file():
        raise UserError(f"{folder} holds no ablation: there is no {file}")
    content = read_json(file, _DESCRIPTION)
    if not content["arms"]:
        raise UserError(f"{file} names no arm: there is nothing to report")
    return content


def _read_arms(study: Study) -> list[ArmResult]:
    arms = []
    for arm in _read_description(study.folder)["arms"]:
        path = study.folder / arm["folder"]
        if not path.resolve().is_relative_to(study.folder.resolve()) or len(arm["labels"]) != len(study.fields):
            raise UserError(
                f"{study.folder / 'ablation.json'} is damaged: what it says of arm {arm['name']!r}; remove it"
            )
        file = path / "config.json"
        config = read_json(file, dict) if file.is_file() else arm.get("config", {})
        recorded = dict(zip(study.fields, arm["labels"], strict=True))
        arms.append(read_arm(path, arm["name"], recorded, flatten(config), tuple(arm.get("tried", ()))))
    return arms


def _older(study: Study, arms: Sequence[ArmResult], defaults: Mapping[str, Any]) -> list[str]:
    """Says which fields the configs of a folder do not have yet."""
    known = {field for arm in arms for field in arm.config}
    new = [field for field in defaults if field not in known and tells(field)]
    return [f"{study.folder} is from before {', '.join(new)}: taken as by default"] if known and new else []


def _completed(arm: ArmResult, defaults: Mapping[str, Any]) -> ArmResult:
    return dataclasses.replace(arm, config={**defaults, **arm.config}) if arm.config else arm


def _all_fields(studies: Sequence[Study], found: Sequence[list[ArmResult]]) -> tuple[str, ...]:
    """Returns the axes of all folders, then the fields that tell apart what the axes do not."""
    axes = tuple(dict.fromkeys(field for study in studies for field in study.fields))
    arms = [arm for several in found for arm in several if arm.config]
    shared = [_shared([arm for arm in several if arm.config]) for several in found]
    fields = sorted({field for arm in arms for field in identity(arm)})
    others = [f for f in fields if f not in axes and len({as_text(s[f]) for s in shared if f in s}) > 1]
    alike: dict[tuple[str, ...], list[ArmResult]] = {}
    for arm in arms:
        alike.setdefault(tuple(_label(arm, field) for field in (*axes, *others)), []).append(arm)
    for group in alike.values():
        others += [field for field in fields if field not in (*axes, *others) and _tells_apart(field, group)]
    return (*axes, *others)


def _tells_apart(field: str, arms: Sequence[ArmResult]) -> bool:
    return len({as_text(arm.config.get(field, _ABSENT)) for arm in arms}) > 1


def _shared(arms: Sequence[ArmResult]) -> dict[str, Any]:
    """Returns the fields, with their values, in which all arms of a folder agree; one that is absent has its sign."""
    names = {field for arm in arms for field in identity(arm)}
    return {field: arms[0].config.get(field, _ABSENT) for field in names if not _tells_apart(field, arms)}


def _relabelled(arm: ArmResult, fields: Sequence[str], axes: Sequence[str]) -> ArmResult:
    labels = tuple(_label(arm, field) for field in fields) if arm.config else arm.labels
    if len(labels) != len(fields):
        raise UserError(f"arm {arm.name} left no config to compare it by; run its ablation again, or report it alone")
    name = ",".join(f"{axis}={text}" for axis, text in zip(axes, labels, strict=True))
    return dataclasses.replace(arm, name=name, labels=labels)


def _label(arm: ArmResult, field: str) -> str:
    if field in arm.recorded:
        return arm.recorded[field]
    return label(_tuples(arm.config[field])) if field in arm.config else _ABSENT


def _tuples(value: Any) -> Any:
    """JSON knows lists only; in a config every sequence is a tuple."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
