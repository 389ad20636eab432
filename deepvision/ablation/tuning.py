"""Tuning: every arm gets the values that suit it best, chosen on a validation split before its runs.

With `config.ablation.tune = {"optimizer.learning_rate": (0.03, 0.1, 0.3)}`, every arm is trained with each value (of
several fields, each combination) and the first `tune_seeds` seeds, evaluated on `data.validation_split`; the best mean
of `config.ablation.metric` wins. The evaluation split has no part in it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import config_dict

from deepvision.ablation.arms import Arm, axis_names, changed, label, read_values
from deepvision.ablation.folders import path_of
from deepvision.ablation.metrics import metric_of
from deepvision.ablation.reading import read_runs
from deepvision.data.overlap import check_apart
from deepvision.errors import UserError

# train(arms, folder, seeds) runs arms in a folder of their own.
Train = Callable[[Sequence[Arm], Path, Sequence[int]], Any]


@dataclasses.dataclass(frozen=True)
class Tuned:
    """An arm with its best values, and the mean of the metric at every value; None where all seeds failed."""

    arm: Arm
    best: Mapping[str, Any]
    tried: tuple[tuple[Mapping[str, Any], float | None], ...]

    def described(self) -> dict[str, Any]:
        """Returns what ablation.json says of it."""
        return {"tuned": dict(self.best), "tried": [{**values, "mean": mean} for values, mean in self.tried]}


def tuned_arms(
    config: config_dict.ConfigDict, arms: Sequence[Arm], ours: Sequence[Arm], workdir: Path, train: Train
) -> list[Tuned]:
    """Returns the arms with the values that suit them best; none if there is nothing to tune.

    An arm of which every value fails keeps its own. `ours` are tuned here; the others are left out until the process
    whose they are has done so.

    Raises:
        UserError: a field that does not exist or is an axis already, or no validation split apart from the others.
    """
    values = read_values(config, "tune")
    if not values:
        return []
    _check(config, arms, values)
    combinations = [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]
    candidates = {arm.name: [_candidate(arm, chosen) for chosen in combinations] for arm in arms}
    seeds = range(config.seed, config.seed + config.ablation.tune_seeds)
    folder = workdir / "tuning"
    train([candidate for arm in ours for candidate in candidates[arm.name]], folder, seeds)
    tried = [arm for arm in arms if all(_is_tried(path_of(folder, one)) for one in candidates[arm.name])]
    return [_choose(config, arm, combinations, candidates[arm.name], folder) for arm in tried]


def _is_tried(path: Path) -> bool:
    return (path / "result.json").is_file() or (path / "failure.json").is_file()


def _check(config: config_dict.ConfigDict, arms: Sequence[Arm], values: Mapping[str, Any]) -> None:
    for field in values:
        if any(field in arm.changes for arm in arms):
            raise UserError(f"ablation.tune: {field!r} is what the arms differ in; tune another field")
    if config.ablation.tune_seeds < 1:
        raise UserError(f"config.ablation.tune_seeds must be at least 1, got {config.ablation.tune_seeds}")
    for arm in arms:
        data = arm.config.data
        if not data.validation_split:
            raise UserError(
                "ablation.tune needs data.validation_split, and a data.train_split without it: "
                "'train[90%:]' and 'train[:90%]'"
            )
        check_apart(data.validation_split, {"train_split": data.train_split, "eval_split": data.eval_split})


def _candidate(arm: Arm, values: Mapping[str, Any]) -> Arm:
    """Returns an arm with some values, evaluated on the validation split."""
    split = {"data.eval_split": arm.config.data.validation_split, "data.validation_split": ""}
    labels = tuple(
        f"{axis}={label(value)}" for axis, value in zip(axis_names(list(values)), values.values(), strict=True)
    )
    name = ",".join((arm.name, *labels))
    return Arm(labels, name, dict(values), changed(arm.config, {**values, **split}, ",".join(labels)))


def _choose(
    config: config_dict.ConfigDict, arm: Arm, combinations: Sequence[Mapping], candidates: Sequence[Arm], folder: Path
) -> Tuned:
    metric = metric_of(config)
    means = []
    for candidate in candidates:
        found = [run.last[metric.name] for run in read_runs(path_of(folder, candidate))]
        # A value at which some seeds fail is no choice for all of them.
        means.append(sum(found) / len(found) if len(found) >= config.ablation.tune_seeds else None)
    tried = tuple(zip(combinations, means, strict=True))
    worst_first = [(mean if metric.higher_is_better else -mean, -i) for i, mean in enumerate(means) if mean is not None]
    if not worst_first:
        return Tuned(arm, {}, tried)
    best = combinations[-max(worst_first)[1]]
    suffix = arm.config.name.removeprefix(f"{config.name} ")
    tuned = changed(config, {**arm.changes, **best}, suffix)
    return Tuned(dataclasses.replace(arm, config=tuned), best, tried)
