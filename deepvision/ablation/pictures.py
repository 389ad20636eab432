"""Pictures of a few examples for every arm of an ablation: what went in, what came out, the truth, the errors.

arms/A/pictures/0_input.png  0_output.png  0_truth.png  0_error.png  1_input.png ...
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from deepvision.models.overlap_tile import apply_whole
from deepvision.tasks.task import Batch
from deepvision.train.checkpoint import read_variables
from deepvision.train.experiment import Experiment
from deepvision.types import Array

FOLDER = "pictures"
EXAMPLES = 3  # the first of the evaluation split, by sizes
_SIDE = 128  # pixels shown, of the middle


def draw_pictures(experiment: Experiment, path: Path) -> None:
    """Writes the pictures of the first seed in a run folder, after its last step; none of a task without any."""
    if not experiment.model.dense:
        return
    folder, variables = path / FOLDER, read_variables(path, best=False)
    folder.mkdir(exist_ok=True)
    for number, (example, output) in enumerate(itertools.islice(_outputs(experiment, variables), EXAMPLES)):
        for name, picture in experiment.task.pictures(example, output).items():
            _write(folder / f"{number}_{name}.png", _middle(picture))


def _outputs(experiment: Experiment, variables: Any) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Yields every example of the evaluation split, without padding, and the outputs [h, w, k] for it."""
    model, task, pipeline = experiment.model, experiment.task, experiment.evaluation

    @jax.jit
    def outputs_of(feed: Batch) -> Array:
        batch = pipeline.assemble(None, feed, None, np.arange(pipeline.batch_size))
        return apply_whole(model, variables, task.prepare(batch, None, train=False)[0], jax.random.key(0))

    for feed in pipeline.evaluation():
        outputs = np.asarray(outputs_of(feed))
        for place in np.flatnonzero(feed["weight"]):
            height, width = feed["size"][place]
            whole = feed["image"].shape[1:3]
            planes = {name: plane[place] for name, plane in feed.items() if name not in ("size", "weight")}
            example = {
                name: plane[: height * plane.shape[0] // whole[0], : width * plane.shape[1] // whole[1]]
                for name, plane in planes.items()
            }
            yield example, outputs[place][:height, :width]


def _middle(picture: np.ndarray) -> np.ndarray:
    top, left = (max(side - _SIDE, 0) // 2 for side in picture.shape[:2])
    return picture[top : top + _SIDE, left : left + _SIDE]


def _write(file: Path, picture: np.ndarray) -> None:
    from PIL import Image

    gray = (picture == picture[..., :1]).all()
    Image.fromarray(picture[..., 0] if gray else picture).save(file, optimize=True)
