"""The outcome of a run: the content of result.json."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from deepvision.train.clock import Clock
from deepvision.train.experiment import Experiment
from deepvision.train.programs import Programs
from deepvision.train.progress import Progress


def outcome(
    experiment: Experiment,
    programs: Programs,
    progress: Progress,
    replicas: Sequence[int],
    timings: Sequence[dict[str, float]],
    clock: Clock,
) -> dict[str, Any]:
    """Returns what came out of some replicas.

    Args:
        experiment, programs: as trained.
        progress: at the end.
        replicas: that are reported; of one that diverged, the reason alone.
        timings: lines of timing.jsonl.
        clock: of all replicas; those reported have an equal share of what they take together.
    """
    share = len(replicas) / len(experiment.seeds)
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
        "seconds": _rounded(clock.total, share),
        "seconds_to_first_step": _rounded(clock.to_first_step),
        "seconds_to_compile": _rounded(clock.to_compile),
        "seconds_first_step_to_last_prediction": _rounded(clock.of_work, share),
        "replicas": {"together": len(experiment.seeds) if programs.together else 1, "why": programs.why},
    }
    return result | ({"failures": failures} if failures else {})


def _rounded(seconds: float | None, share: float = 1.0) -> float | None:
    return None if seconds is None else round(seconds * share, 3)


def _with_seeds(seeds: tuple[int, ...], metrics: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{"seed": seed, **values} for seed, values in zip(seeds, metrics, strict=True)]
