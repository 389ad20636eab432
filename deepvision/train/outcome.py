"""The outcome of a run: the content of result.json."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from deepvision.train.experiment import Experiment
from deepvision.train.programs import Programs
from deepvision.train.progress import Progress


def outcome(
    experiment: Experiment,
    programs: Programs,
    progress: Progress,
    replicas: Sequence[int],
    timings: Sequence[dict[str, float]],
    seconds: float,
    seconds_to_first_step: float | None,
) -> dict[str, Any]:
    """Returns what came out of some replicas.

    Args:
        experiment, programs: as trained.
        progress: at the end.
        replicas: that are reported; of one that diverged, the reason alone.
        timings: lines of timing.jsonl.
        seconds: that these replicas took.
        seconds_to_first_step: from the start to the end of the first dispatch; None: nothing was left to train.
    """
    failures = {experiment.seeds[r]: progress.failures[r] for r in replicas if progress.failures[r]}
    rest = [r for r in replicas if experiment.seeds[r] not in failures]
    seeds, step = tuple(experiment.seeds[r] for r in rest), max(progress.last[r]["step"] for r in rest)
    result = {
        "name": experiment.name,
        "model": experiment.config.model.name,
        "parameters": experiment.parameters,
        "macs": experiment.macs,
        "steps": step,
        "epochs": round(step / experiment.steps_per_epoch, 3),
        "batch_size": experiment.train.batch_size,
        "seeds": list(seeds),
        "last": _with_seeds(seeds, [progress.last[r] for r in rest]),
        "best": _with_seeds(seeds, [progress.best[r] for r in rest]),
        "images_per_second": statistics.median(t["images_per_second"] for t in timings) if timings else 0.0,
        "seconds": round(seconds, 3),
        "seconds_to_first_step": seconds_to_first_step and round(seconds_to_first_step, 3),
        "replicas": {"together": len(experiment.seeds) if programs.together else 1, "why": programs.why},
    }
    return result | ({"failures": failures} if failures else {})


def _with_seeds(seeds: tuple[int, ...], metrics: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{"seed": seed, **values} for seed, values in zip(seeds, metrics, strict=True)]
