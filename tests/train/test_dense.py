"""Training on images of several sizes: restoration and segmentation, from the folder to the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from deepvision.build import build
from deepvision.config import default_config
from deepvision.train.evaluate import evaluate
from tests.train.small import curve, train


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bright discs on dark ground, with masks: eight images to train on, three of two sizes to be evaluated."""
    root, rng = tmp_path_factory.mktemp("shapes"), np.random.default_rng(0)
    for split, sizes in (("train", [(40, 48)] * 8), ("test", [(40, 48), (33, 57), (40, 48)])):
        for folder in ("image", "label"):
            (root / split / folder).mkdir(parents=True)
        for number, (height, width) in enumerate(sizes):
            row, column = rng.uniform(0.3, 0.7, 2) * (height, width)
            rows, columns = np.mgrid[:height, :width]
            disc = (rows - row) ** 2 + (columns - column) ** 2 < rng.uniform(8, 14) ** 2
            Image.fromarray(np.where(disc, 200, 60).astype(np.uint8)).save(root / split / "image" / f"{number}.png")
            Image.fromarray(disc.astype(np.uint8) * 255).save(root / split / "label" / f"{number}.png")
    return root


def config(root: Path, task: str, model: str, overrides: dict[str, Any]) -> ConfigDict:
    config = default_config()
    config.task = task
    config.model.name = model
    config.model.overrides = overrides
    config.data.name = "image_masks"
    config.data.path = str(root)
    config.data.classes = (0, 255)
    config.data.patch_size = 24
    config.data.patches_per_image = 8
    config.data.augment = ("dihedral",)
    config.data.normalize = "unit"
    config.data.batch_size = 16
    config.data.eval_batch_size = 2
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 0.01
    config.train.epochs = 20.0
    config.train.eval_every_epochs = 20.0
    config.train.log_every_steps = 4
    return config


def test_a_denoiser_learns_and_its_weights_give_what_was_reported(shapes: Path, tmp_path: Path):
    made = config(shapes, "restoration", "dncnn17_gray", {"depth": 3, "width": 8})
    made.model.norm = "none"  # running averages would need more steps
    last = train(made, tmp_path)["last"][0]
    losses = curve(tmp_path)
    assert losses[-1] < 0.5 * losses[0]
    assert last["psnr"] > last["input_psnr"] + 2 and 0 < last["ssim"] < 1
    again = evaluate(build(made), tmp_path)[0]
    assert {name: again[name] for name in ("psnr", "ssim", "input_psnr")} == pytest.approx(
        {name: last[name] for name in ("psnr", "ssim", "input_psnr")}, rel=1e-6
    )


def test_a_segmenter_learns_whatever_sizes_it_is_evaluated_in(shapes: Path, tmp_path: Path):
    made = config(shapes, "segmentation", "unet_padded", {"depth": 1, "width": 8})
    made.model.dropout = 0.0
    made.data.border_weight = 10.0
    made.segmentation.cells = True
    made.segmentation.losses = ("cross_entropy", "dice")
    last = train(made, tmp_path)["last"][0]
    assert last["rand_score"] > 0.8 and last["warping_error"] < 0.02, "the discs are found as one piece each"
    assert last["foreground_iou"] > 0.9 and last["mean_iou"] > 0.9 and last["pixel_accuracy"] > 0.95
