"""Runs an ablation: what is missing of every arm; all seeds, and arms that differ in numbers alone, go together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ml_collections import config_dict

from deepvision.ablation import folders
from deepvision.ablation.arms import Arm, axis_fields, axis_names, make_arms, read_within
from deepvision.ablation.folders import Replica, path_of
from deepvision.ablation.groups import group_arms, shard
from deepvision.ablation.merge import find_arm
from deepvision.ablation.metrics import Metric, metric_of
from deepvision.ablation.pictures import draw_pictures
from deepvision.ablation.reading import FAILURE, is_finished, read_measured
from deepvision.ablation.replicas import train_replicas
from deepvision.ablation.tuning import tuned_arms
from deepvision.data import Pipeline
from deepvision.errors import UserError
from deepvision.train.display import Display
from deepvision.train.evaluate import Evaluator, ensemble_evaluator, evaluate_ensemble
from deepvision.train.experiment import Experiment
from deepvision.train.run_folder import to_plain, write_json
from deepvision.train.stored import read_json

# build(configs, seeds, pipelines) makes the experiment of replicas whose configs differ in numbers alone; the pipelines
# of training and evaluation may be open already.
Build = Callable[[Sequence[config_dict.ConfigDict], Sequence[int], tuple[Pipeline, Pipeline] | None], Experiment]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of the arms: those that this call trained to the end, the reasons of those some of whose seeds
    failed, now or before, and those that another process is training. Arms finished before are in none."""

    trained: tuple[str, ...]
    failed: dict[str, str]
    elsewhere: tuple[str, ...] = ()


def run_arms(
    config: config_dict.ConfigDict,
    workdir: Path,
    build: Build,
    display: Display,
    claim: str = "",
    command: str = "",
    part: str = "1/1",
) -> Outcome:
    """Trains the arms of `config` in `workdir`; what lies there, says `folders`.

    Only what is missing is trained: seeds or arms may be added later, and what was killed goes on where it stopped. A
    seed that diverges, or an arm that fails with a `UserError` (a norm that does not fit) or for lack of memory, leaves
    the reason in `failure.json`, and the rest goes on. Several processes may work on one folder.

    Args:
        config: of the ablation.
        workdir: its folder.
        build: makes experiments.
        display: shows progress.
        claim, command: what the comparison claims and how it was started, for the report.
        part: which arms, "1/3" the first third; see `groups.shard`.

    Raises:
        UserError: the axes make no grid, the metric or the baseline is unknown, or the folder of an arm holds a run
            with another config.
    """
    arms, metric = checked_arms(config)
    ours = shard(arms, part)
    seeds = tuple(config.seed + i for i in range(config.ablation.seeds))
    description = {"claim": claim, "command": command, **describe_arms(config, arms)}
    workdir.mkdir(parents=True, exist_ok=True)
    write_json(workdir / "ablation.json", description)

    def try_values(candidates: Sequence[Arm], folder: Path, seeds: Sequence[int]) -> None:
        Runner(folder, build, display).run(candidates, seeds)

    tuned = tuned_arms(config, arms, ours, workdir, try_values)
    chosen = {choice.arm.name: choice for choice in tuned}
    arms = [chosen[arm.name].arm if arm.name in chosen else arm for arm in arms]
    for entry, arm in zip(description["arms"], arms, strict=True):
        entry |= {"config": to_plain(arm.config)} | (chosen[arm.name].described() if arm.name in chosen else {})
    write_json(workdir / "ablation.json", description)
    runner = Runner(workdir, build, display, metric)
    names = {arm.name for arm in ours}
    waiting = names - chosen.keys() if config.ablation.tune else set()  # another process is still tuning them
    runner.run([arm for arm in arms if arm.name in names - waiting], seeds)
    elsewhere = tuple(arm.name for arm in arms if arm.name in waiting | set(runner.elsewhere))
    return Outcome(tuple(runner.trained), runner.failed, elsewhere)


def checked_arms(config: config_dict.ConfigDict) -> tuple[list[Arm], Metric]:
    """Returns the arms and the metric they are compared by, if the baseline is one of them."""
    arms = make_arms(config)
    if any(arm.config.profile for arm in arms):
        raise UserError("profile is for one training: trace an arm with `train`, and leave it at 0 here")
    find_arm(config.ablation.baseline, arms)
    read_within(config)
    return arms, metric_of(config)


class Runner:
    """Trains arms in a folder.

    Args:
        workdir: the folder.
        build: makes experiments.
        display: shows progress.
        metric: what is reported of every arm; None: nothing.
    """

    def __init__(self, workdir: Path, build: Build, display: Display, metric: Metric | None = None) -> None:
        self.workdir, self.build, self.display, self.metric = workdir, build, display, metric
        self.trained: list[str] = []
        self.failed: dict[str, str] = {}
        self.elsewhere: list[str] = []
        self._heads: dict[str, str] = {}
        self._opened: dict[str, tuple[Pipeline, Pipeline]] = {}  # of the newest experiment, by its section `data`
        self._evaluators: dict[int, Evaluator] = {}  # of the mean prediction, by the number of seeds of an arm

    def run(self, arms: Sequence[Arm], seeds: Sequence[int]) -> None:
        """Trains what is missing, group by group."""
        self._heads = {arm.name: f"arm {i}/{len(arms)}: {arm.name}" for i, arm in enumerate(arms, 1)}
        for arm in arms:
            for replica in folders.replicas_of(self.workdir, arm, seeds):
                replica.check_same()
        for name, group in group_arms(arms).items():
            with folders.held(self.workdir, group) as ours:
                for arm in (arm for arm in group if arm not in ours):
                    self.elsewhere.append(arm.name)
                    self._note(arm, "another process is training it")
                self._run_group(name, ours, seeds)

    def _run_group(self, name: str, arms: Sequence[Arm], seeds: Sequence[int]) -> None:
        self._evaluators = {}
        replicas = {arm.name: folders.replicas_of(self.workdir, arm, seeds) for arm in arms}
        todo = []
        for arm in arms:
            path, missing = path_of(self.workdir, arm), sum(not r.done for r in replicas[arm.name])
            if not missing and folders.is_current(path, replicas[arm.name]):
                self._finished_before(arm)
            else:
                todo.append(arm)
                self._note(arm, f"{missing} seeds" if missing else "its seeds were finished before")
                write_json(path / "config.json", to_plain(arm.config))
        if todo:
            self._train(name, [replica for arm in todo for replica in replicas[arm.name]])
        for arm in todo:
            self._close(arm, replicas[arm.name])

    def _train(self, name: str, replicas: Sequence[Replica]) -> None:
        """Trains what is not done; if the configs of one arm cannot be built, the others go on without it."""
        missing = [replica for replica in replicas if not replica.done]
        arms = list(dict.fromkeys(replica.arm.name for replica in missing))
        if not missing:
            return
        try:
            experiment = self._build([replica.arm.config for replica in replicas], [r.seed for r in replicas])
        except UserError as error:
            for arm in arms if len(arms) > 1 else ():
                self._train(name, [replica for replica in replicas if replica.arm.name == arm])
            for replica in missing if len(arms) == 1 else ():
                replica.fail(str(error))
            return
        train_replicas(experiment, replicas, self.workdir / "groups" / name, self.display)

    def _build(self, configs: Sequence[config_dict.ConfigDict], seeds: Sequence[int]) -> Experiment:
        """Makes an experiment; data that the last one has open is not opened again."""
        data = configs[0].data.to_json_best_effort()
        experiment = self.build(configs, seeds, self._opened.get(data))
        self._opened = {data: (experiment.train, experiment.evaluation)}
        return experiment

    def _close(self, arm: Arm, replicas: Sequence[Replica]) -> None:
        """Makes the run folder of an arm of those of its seeds, and says what came out."""
        path = path_of(self.workdir, arm)

        def ensemble(seeds: Sequence[int]) -> dict[str, float]:
            experiment = self._build([arm.config] * len(seeds), seeds)
            if len(seeds) not in self._evaluators:
                self._evaluators[len(seeds)] = ensemble_evaluator(experiment)
            row = evaluate_ensemble(experiment, path, evaluator=self._evaluators[len(seeds)])
            return {name: value for name, value in row.items() if name != "seed"}

        folders.assemble(path, replicas, ensemble)
        self._failure(arm)
        if arm.name not in self.failed:
            self.trained.append(arm.name)
        if self.metric and is_finished(path):
            draw_pictures(self._build([arm.config], [arm.config.seed]), path)
            measured = read_measured(path, self.metric)
            value = f"{self.metric.heading} {self.metric.write_mean(measured.summary)}"
            self._note(arm, f"{value}, {measured.seconds:,.0f} s")

    def _finished_before(self, arm: Arm) -> None:
        self._note(arm, "finished before")
        self._failure(arm)

    def _failure(self, arm: Arm) -> None:
        file = path_of(self.workdir, arm) / "failure.json"
        if file.is_file():
            self.failed[arm.name] = read_json(file, FAILURE)["reason"]
            self._note(arm, f"failed: {self.failed[arm.name]}")

    def _note(self, arm: Arm, text: str) -> None:
        self.display.note(f"{self._heads[arm.name]}: {text}")


def describe_arms(config: config_dict.ConfigDict, arms: Sequence[Arm]) -> dict[str, Any]:
    """Returns what ablation.json says of a comparison and its arms."""
    fields = axis_fields(config)
    return {
        "name": config.name,
        "metric": metric_of(config).name,
        "baseline": config.ablation.baseline,
        "within": read_within(config),
        "delta": config.ablation.delta,
        "fields": fields,
        "axes": axis_names(fields),
        "arms": [
            {
                "name": arm.name,
                "labels": arm.labels,
                "folder": f"arms/{arm.slug}",
                "changes": dict(arm.changes),
                "config": to_plain(arm.config),
            }
            for arm in arms
        ],
    }
