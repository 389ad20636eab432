"""What lies where in the folder of an ablation, and how the folder of an arm is made of those of its seeds.

ablation.json               the arms and what they are compared by
arms/A/                     a run folder: all seeds of arm A, as if they had been trained in one run
arms/A/pictures/             what it makes of a few examples, see `pictures`
arms/A/seeds/3/             the run folder of one seed; failure.json in place of result.json where it failed
groups/G/plan.json          how the replicas of a group of arms are trained, and why
groups/G/P/                 checkpoints of replicas that train together, until they are done
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import filelock
from ml_collections import config_dict

from deepvision.ablation.arms import Arm
from deepvision.ablation.fields import copy_config
from deepvision.ablation.reading import FAILURE, read_metrics, read_result
from deepvision.ablation.unite import NO_PART_OF_AN_ARM
from deepvision.errors import UserError
from deepvision.train.checkpoint import SEEDS, seed_folder
from deepvision.train.run_folder import changed_fields, write_json
from deepvision.train.stored import read_json


@dataclasses.dataclass(frozen=True)
class Replica:
    """One seed of one arm."""

    arm: Arm
    seed: int
    path: Path  # its run folder

    @property
    def key(self) -> list[str | int]:
        """What it is called in a file."""
        return [self.arm.slug, self.seed]

    @property
    def config(self) -> config_dict.ConfigDict:
        """The config of the run: the arm's, with the seed, and nothing of what is compared."""
        config = copy_config(self.arm.config)
        config.seed = self.seed
        config.ablation = config_dict.ConfigDict()
        return config.lock()

    @property
    def result(self) -> dict[str, Any] | None:
        file = self.path / "result.json"
        return read_result(self.path) if file.is_file() else None

    @property
    def failure(self) -> str | None:
        """Why it failed, if it did and has not finished since."""
        file = self.path / "failure.json"
        return read_json(file, FAILURE)["reason"] if file.is_file() and self.result is None else None

    @property
    def done(self) -> bool:
        """Whether there is nothing to do: it has finished, or diverged, which it would do again."""
        file = self.path / "failure.json"
        return self.result is not None or (file.is_file() and read_json(file, FAILURE).get("diverged"))

    def fail(self, reason: str, diverged: bool = False) -> None:
        """Writes down why there is no result."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / "failure.json", {"reason": reason, "diverged": diverged})

    def check_same(self) -> None:
        """Makes sure that the folder is free, or holds a run of the same config or one that has reported nothing."""
        found = changed_fields(self.path, self.config)
        found = [text for text in found if text.split(":")[0] not in NO_PART_OF_AN_ARM]
        if found:
            raise UserError(
                f"{self.path} holds a run with another config: {'; '.join(found)}."
                " Choose another --workdir, or remove this one"
            )


def path_of(workdir: Path, arm: Arm) -> Path:
    """Returns the run folder of an arm."""
    return workdir / "arms" / arm.slug


def replicas_of(workdir: Path, arm: Arm, seeds: Sequence[int]) -> list[Replica]:
    """Returns the runs of an arm: the seeds asked for, and those that have been trained before."""
    path = path_of(workdir, arm)
    trained = {int(folder.name) for folder in (path / SEEDS).glob("[0-9]*") if (folder / "result.json").is_file()}
    return [Replica(arm, seed, seed_folder(path, seed)) for seed in sorted({*seeds, *trained})]


@contextlib.contextmanager
def held(workdir: Path, arms: Sequence[Arm]) -> Iterator[list[Arm]]:
    """Gives the arms that no other process is training, and keeps others from them; a kill lets them go."""
    with contextlib.ExitStack() as stack:
        ours = []
        for arm in arms:
            path = path_of(workdir, arm)
            path.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(filelock.Timeout):
                stack.enter_context(filelock.FileLock(path / ".lock", blocking=False))
                ours.append(arm)
        yield ours


def is_current(path: Path, replicas: Sequence[Replica]) -> bool:
    """Tells whether the folder of an arm says what those of its seeds say."""
    result, failure = path / "result.json", path / "failure.json"
    seeds = read_result(path)["seeds"] if result.is_file() else []
    failed = read_json(failure, FAILURE).get("seeds", {}) if failure.is_file() else {}
    return seeds == [r.seed for r in replicas if r.result] and failed == _failures(replicas)


def assemble(path: Path, replicas: Sequence[Replica], ensemble: Callable[[Sequence[int]], dict[str, float]]) -> None:
    """Makes the run folder of an arm out of those of its seeds; result.json comes last.

    Args:
        path: of the arm.
        replicas: its seeds, finished or failed.
        ensemble: from seeds to the metrics of their mean prediction.
    """
    arm, finished = replicas[0].arm, [r for r in replicas if r.result]
    failures = _failures(replicas)
    if failures:
        reasons = dict.fromkeys(failures.values())
        few = f"{len(failures)} of {len(replicas)} seeds failed: " if finished else ""
        content = {"arm": arm.name, "reason": few + "; ".join(reasons), "seeds": failures}
        write_json(path / "failure.json", content)
    else:
        (path / "failure.json").unlink(missing_ok=True)
    if finished:
        rows = sorted((row for r in finished for row in read_metrics(r.path)), key=_reporting_order)
        (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        write_json(path / "environment.json", read_json(finished[-1].path / "environment.json"))
        write_json(path / "result.json", _united(arm, [r.result for r in finished], ensemble))


def _failures(replicas: Sequence[Replica]) -> dict[str, str]:
    return {str(r.seed): r.failure for r in replicas if r.failure}


def _reporting_order(row: dict[str, Any]) -> tuple[int, bool, int]:
    return row["step"], row["split"] == "eval", row["seed"]


def _united(arm: Arm, results: Sequence[dict[str, Any]], ensemble: Callable) -> dict[str, Any]:
    """Returns result.json of an arm; what it took is the sum over its seeds, each with its share of a common run."""
    seeds = [seed for result in results for seed in result["seeds"]]
    together = {"ensemble": ensemble(seeds)} if len(seeds) > 1 else {}
    return {
        **results[0],
        "name": arm.config.name,
        "seeds": seeds,
        "steps": max(result["steps"] for result in results),
        "epochs": max(result["epochs"] for result in results),
        "last": [row for result in results for row in result["last"]],
        "best": [row for result in results for row in result["best"]],
        **together,
        "seconds": round(sum(result["seconds"] for result in results), 3),
    }
