"""The tables behind the main one: all metrics, failures, configs, machines, every run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deepvision.ablation.arms import label
from deepvision.ablation.metrics import shown_as
from deepvision.ablation.report.arms import NONE
from deepvision.ablation.report.table import Cell, Column, Row, Table, text, word
from deepvision.ablation.results import ArmResult, Results
from deepvision.ablation.unite import identity

_WHICH = ("last", "best")
_MEAN = "mean"  # among what tuning tried


def metrics_table(results: Results) -> Table:
    """Returns every metric after the last step, at the best evaluation, and of the mean prediction of all seeds."""
    names = results.metrics
    keys = [(name, f"{name}_ci95_low", f"{name}_ci95_high") for name in names]
    columns = [Column(shown_as(name).heading, key) for name, key in zip(names, keys, strict=True)]
    rows = []
    for arm in results.finished:
        rows += [Row((text(arm.name), text(which), *(_mean(arm, name, which) for name in names))) for which in _WHICH]
        for ensemble in arm.ensembles:
            cells = [_single(ensemble.metrics, name) for name in names]
            rows.append(Row((text(arm.name), text(f"ensemble of {len(ensemble.seeds)}"), *cells)))
    caption = (
        "Means over seeds, ± half the 95 % t-interval. last: after the last step. best: of every seed, its best"
        " evaluation on the held-out split by train.best_metric: chosen on what measures it, it flatters every arm."
        " ensemble: one predictor, the mean of the probabilities of so many seeds after their last step. newest_: of"
        " the weights themselves, where train.averaging has an average of them evaluated."
    )
    return Table("metrics", "All metrics", (word("arm"), word("weights"), *columns), tuple(rows), caption)


def tuning_table(results: Results) -> Table | None:
    """Returns what tuning tried for every arm, and what came of it; None if nothing was tuned."""
    tried = [(arm, one) for arm in results.arms for one in arm.tried]
    fields = list(dict.fromkeys(field for _, one in tried for field in one if field != _MEAN))
    name = results.metric.name
    rows = []
    for arm, one in tried:
        chosen = all(label(arm.config.get(field)) == label(one.get(field)) for field in fields)
        values = (text(label(one[field]) if field in one else NONE) for field in fields)
        mean = _single({name: one[_MEAN]} if one[_MEAN] is not None else {}, name)
        rows.append(Row((text(arm.name), *values, mean), bold=chosen))
    columns = (word("arm"), *map(word, fields), Column(shown_as(name).heading, (name, f"{name}_low", f"{name}_high")))
    caption = (
        "The mean over the seeds that were tried, on the validation split, after the last step; – where some diverged."
        " Bold: what the arm was then run with."
    )
    return Table("tuning", "What tuning tried", columns, tuple(rows), caption) if rows else None


def runs_table(results: Results) -> Table:
    """Returns every metric of every run."""
    names = results.metrics
    shown = [(which, name) for which in _WHICH for name in names]
    columns = [Column(f"{shown_as(name).heading}, {which}", (f"{which}_{name}",)) for which, name in shown]
    rows = []
    for arm in results.arms:
        for run in arm.runs:
            values = [(name, getattr(run, which).get(name)) for which, name in shown]
            cells = [Cell(NONE if v is None else shown_as(name).write(v), (v,)) for name, v in values]
            rows.append(Row((text(arm.name), Cell(str(run.seed), (run.seed,)), *cells, text(str(run.folder)))))
    return Table("runs", "Every run", (word("arm"), Column("seed", ("seed",)), *columns, word("folder")), tuple(rows))


def failures_table(results: Results) -> Table | None:
    """Returns which seeds failed, and why; None if none did."""
    rows = []
    for arm in results.arms:
        for reason in dict.fromkeys(arm.failures.values()):
            seeds = [seed for seed, why in arm.failures.items() if why == reason]
            count = Cell(f"{len(seeds)} of {arm.planned}", (len(seeds), arm.planned))
            rows.append(Row((text(arm.name), count, text(", ".join(map(str, seeds))), text(reason))))
    columns = (word("arm"), Column("failed", ("failed", "of")), word("seeds"), word("reason"))
    caption = "Where other seeds of an arm have finished, its numbers are theirs alone."
    return Table("failures", "Runs that failed", columns, tuple(rows), caption) if rows else None


def differences_table(results: Results) -> Table | None:
    """Returns the fields of the config in which arms differ, with their values; None if no config is known."""
    arms = [arm for arm in results.arms if arm.config]
    fields = [field for field in _fields(arms) if len({_text(arm.config, field) for arm in arms}) > 1]
    if not fields:
        return None
    rows = [Row((text(arm.name), *(text(_text(arm.config, field)) for field in fields))) for arm in arms]
    return Table("configs", "What differs between arms", (word("arm"), *map(word, fields)), tuple(rows))


def shared_table(results: Results) -> Table | None:
    """Returns the fields of the config in which all arms agree."""
    arms = [arm for arm in results.arms if arm.config]
    fields = [field for field in _fields(arms) if len({_text(arm.config, field) for arm in arms}) == 1]
    rows = tuple(Row((text(field), text(_text(arms[0].config, field)))) for field in fields)
    return Table("shared", "What all arms share", (word("field"), word("value")), rows) if rows else None


def environments_table(results: Results) -> Table | None:
    """Returns versions, devices and commits: one column for each different environment, with the arms it ran."""
    found: dict[str, tuple[dict[str, str], list[str]]] = {}
    for arm in results.arms:
        for environment in arm.environments:
            facts = _facts(environment)
            arms = found.setdefault(json.dumps(facts), (facts, []))[1]
            arms += [arm.name] if arm.name not in arms else []
    if not found:
        return None
    names = list(dict.fromkeys(name for facts, _ in found.values() for name in facts))
    columns = [word("")] + [word(f"environment {i}" if len(found) > 1 else "value") for i in range(1, len(found) + 1)]
    columns[0] = word("what")
    rows = [Row((text(name), *(text(facts.get(name, NONE)) for facts, _ in found.values()))) for name in names]
    if len(found) > 1:
        rows.append(Row((text("arms"), *(text("; ".join(arms)) for _, arms in found.values()))))
    return Table("environment", "Versions and hardware", tuple(columns), tuple(rows))


def _mean(arm: ArmResult, name: str, which: str) -> Cell:
    summary = arm.summary(name, which)
    if summary is None:
        return Cell(NONE, (None, None, None))
    return Cell(shown_as(name).write_mean(summary), (summary.mean, summary.low, summary.high))


def _single(metrics: Mapping[str, float], name: str) -> Cell:
    """Returns the cell of one number, which has no interval."""
    value = metrics.get(name)
    return Cell(NONE if value is None else shown_as(name).write(value), (value, None, None))


def _fields(arms: list[ArmResult]) -> list[str]:
    return list(dict.fromkeys(field for arm in arms for field in identity(arm)))


def _text(config: Mapping[str, Any], field: str) -> str:
    return label(config[field]) if field in config else NONE


def _facts(environment: Mapping[str, Any]) -> dict[str, str]:
    """Returns an environment as a flat table, without the command, which is that of a whole ablation."""
    facts = {}
    for name, value in environment.items():
        if name == "packages":
            facts |= {package: version or "not installed" for package, version in value.items()}
        elif name != "command":
            facts[name.replace("_", " ")] = ", ".join(value) if isinstance(value, list) else str(value)
    return facts
