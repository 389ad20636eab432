"""Trains the replicas of a group: all in one program, as many as fit, or one after another in a program for one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import jax

from deepvision.ablation.folders import Replica
from deepvision.errors import UserError, out_of_memory
from deepvision.train import onednn, parallel
from deepvision.train.display import Display
from deepvision.train.experiment import Experiment
from deepvision.train.loop import fit, fit_together
from deepvision.train.non_finite import Diverged
from deepvision.train.programs import Programs
from deepvision.train.run_folder import RunFolder, write_json
from deepvision.train.stored import read_json
from deepvision.train.timing import Timing, time_steps

_NO_LIMIT = 2**31
# How many compilations of the program for one replica the training must last for a trial of both ways to pay: it takes
# about two, and all replicas at once save most of the training on an accelerator, but a part at best on a CPU.
_PAYS, _PAYS_ON_CPU = 2, 8
_TRIAL_ON_CPU = 4  # replicas: there, more of them at once gain nothing that so many do not


@dataclasses.dataclass(frozen=True)
class Plan:
    """How many replicas train together at most, and why."""

    together: int
    why: str


def train_replicas(experiment: Experiment, replicas: Sequence[Replica], scratch: Path, display: Display) -> None:
    """Trains the replicas that are not done; each leaves a result or a failure in its folder.

    Args:
        experiment: of all replicas of the group, in the same order.
        replicas: all of them, done or not.
        scratch: a folder for the plan and the checkpoints of replicas that train together.
        display: shows progress.
    """
    todo = [r for r, replica in enumerate(replicas) if not replica.done]
    plan, programs = _stored_plan(scratch), None
    if plan is None:
        plan, programs = choose_plan(experiment.of(todo), display)
    while todo:
        if len(todo) > 1:  # the plan of a single one says nothing of more
            _store(scratch, plan)
        piece = _next_piece(replicas, todo, plan.together, scratch)
        programs = programs or Programs(experiment, min(plan.together, len(piece)), together=True, why=plan.why)
        try:
            _train_piece(experiment.of(piece), [replicas[r] for r in piece], scratch, display, programs)
            todo = [r for r in todo if r not in piece]
            continue
        except Exhausted as error:
            reason, programs = str(error), None
        if len(piece) == 1:
            for r in todo:
                replicas[r].fail(reason)
            return
        plan = Plan((len(piece) + 1) // 2, f"{len(piece)} replicas at once are out of memory")
        display.note(f"{plan.why}; trying {plan.together}")


def choose_plan(experiment: Experiment, display: Display) -> tuple[Plan, Programs | None]:
    """Returns how to train so many replicas, as `parallel.replicas` says; "auto" tries both ways where that pays.

    With it come the programs for that, if the trial has compiled them.
    """
    mode, count = experiment.config.parallel.replicas, len(experiment.seeds)
    forced = parallel.run_together(mode)  # refuses an unknown mode
    if count == 1:
        return Plan(1, "one replica"), None
    if mode != "auto":
        return Plan(_NO_LIMIT if forced else 1, f"parallel.replicas = {mode!r}"), None
    plan, programs = _probe(experiment, forced)
    programs.why = plan.why
    way = "one after another" if plan.together == 1 else f"{min(count, plan.together)} at once"
    display.note(f"{count} replicas {way}: {plan.why}")
    return plan, programs if programs.for_one == (plan.together == 1) else None


def _probe(experiment: Experiment, usually_together: bool) -> tuple[Plan, Programs]:
    """Times a few steps of one replica, and of all at once unless the training is over before that is compiled.

    Returns the plan, and the programs that were compiled for it or for one replica.
    """
    one = Programs(experiment, 1, together=False, why="")
    alone = _timed(experiment.of([0]), one)
    if alone is None:
        return Plan(1, "not even one replica fits into memory"), one
    count, steps, exhausted = len(experiment.seeds), experiment.total_steps, False
    where = jax.default_backend()
    compilation = alone.seconds_to_compile + alone.seconds_saved  # a warm cache may lack the program of all replicas
    if alone.seconds * steps * count < (_PAYS_ON_CPU if where == "cpu" else _PAYS) * compilation:
        # Convolutions of oneDNN fall into groups at no cost.
        usual = _NO_LIMIT if usually_together or onednn.in_use() else 1
        return Plan(usual, f"the training is too short to try both ways, and on a {where} this is mostly faster"), one
    if where == "cpu":
        count = min(count, _TRIAL_ON_CPU)
    while count > 1:
        many = Programs(experiment, count, together=True, why="")
        together = _timed(experiment.of(range(count)), many)
        if together is not None:
            break
        exhausted, count = True, (count + 1) // 2 if count > 2 else 1
    if count == 1:
        return Plan(1, "two replicas at once are out of memory"), one
    ratio = alone.seconds * count / together.seconds
    limit = count if exhausted else _NO_LIMIT
    why = f"{count} at once went at {ratio:.2f} times the pace of one after another in a trial on a {where}"
    return (Plan(limit, why), many) if ratio > 1 else (Plan(1, why), one)


def _timed(experiment: Experiment, programs: Programs) -> Timing | None:
    """Times a few steps; None if they are out of memory."""
    try:
        return time_steps(experiment, programs)
    except jax.errors.JaxRuntimeError as error:
        if not out_of_memory(error):
            raise
        return None


class Exhausted(UserError):
    """The device is out of memory."""


def _train_piece(
    experiment: Experiment, replicas: Sequence[Replica], scratch: Path, display: Display, programs: Programs
) -> None:
    """Trains some replicas together, and writes down which failed.

    Raises:
        Exhausted: they do not fit into memory.
    """
    try:
        failures = _fit(experiment, replicas, scratch, display, programs)
        for r, reason in failures.items():
            replicas[r].fail(reason, diverged=True)
    except Diverged as error:
        for replica, reason in zip(replicas, error.reasons, strict=True):
            replica.fail(reason, diverged=True)
    except UserError as error:
        for replica in replicas:
            replica.fail(str(error))
    except jax.errors.JaxRuntimeError as error:
        if not out_of_memory(error):
            raise
        shutil.rmtree(_folder(scratch, replicas), ignore_errors=True)
        raise Exhausted(f"out of memory: {str(error).splitlines()[0]}") from None
    shutil.rmtree(_folder(scratch, replicas), ignore_errors=True)


def _fit(
    experiment: Experiment, replicas: Sequence[Replica], scratch: Path, display: Display, programs: Programs
) -> dict[int, str]:
    """Trains; returns why some diverged, by their place."""
    if len(replicas) == 1:
        experiment = dataclasses.replace(experiment, config=replicas[0].config)
        fit(experiment, replicas[0].path, display, programs)
        return {}
    folder = _folder(scratch, replicas)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "replicas.json", [replica.key for replica in replicas])
    folders = [RunFolder(replica.path, replica.config) for replica in replicas]
    return fit_together(experiment, folders, folder, display, programs)


def _next_piece(replicas: Sequence[Replica], todo: Sequence[int], together: int, scratch: Path) -> list[int]:
    """Returns the replicas to train next: those that began together first, since they share their checkpoints."""
    places = {json.dumps(replica.key): r for r, replica in enumerate(replicas)}
    for file in sorted(scratch.glob("*/replicas.json")):
        begun = [places.get(json.dumps(key)) for key in read_json(file, [list])]
        if None not in begun and set(begun) & set(todo) and len(begun) <= together:
            return begun
    return list(todo[:together])


def _folder(scratch: Path, replicas: Sequence[Replica]) -> Path:
    text = json.dumps([replica.key for replica in replicas])
    return scratch / hashlib.sha256(text.encode()).hexdigest()[:12]


def _stored_plan(scratch: Path) -> Plan | None:
    file = scratch / "plan.json"
    return Plan(**read_json(file, {"together": int, "why": str})) if file.is_file() else None


def _store(scratch: Path, plan: Plan) -> None:
    scratch.mkdir(parents=True, exist_ok=True)
    write_json(scratch / "plan.json", dataclasses.asdict(plan))
