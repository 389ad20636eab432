"""Recipes that need files of their own: each is built on a made-up sample of its data, laid out as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepvision.ablation.arms import make_arms
from deepvision.build import build
from deepvision.cli import config_file

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sets")
    for split in ("Train400", "BSD68", "Set12"):
        _write(root / "gray" / split / "1.png", RNG.integers(0, 256, (180, 180)))
    for split in ("T91", "Set5", "DIV2K_train_HR", "BSD100"):
        _write(root / "colour" / split / "1.png", RNG.integers(0, 256, (150, 160, 3)))
    for number in range(30):
        _write(root / "cells" / "train" / "image" / f"{number}.png", RNG.integers(0, 256, (400, 400)))
        _write(root / "cells" / "train" / "label" / f"{number}.png", np.full((400, 400), 255))
    for split in ("train", "val", "test"):
        _write(root / "streets" / split / "1.png", RNG.integers(0, 256, (360, 480, 3)))
        _write(root / "streets" / f"{split}annot" / "1.png", RNG.integers(0, 12, (360, 480)))
    return root


def _write(file: Path, pixels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(file)


@pytest.mark.parametrize(
    ("experiment", "sets", "parameters", "metric"),
    [
        ("dncnn_s25", "gray", 556_032, "psnr"),
        ("dncnn_s25:small", "gray", 556_032, "psnr"),
        ("dncnn_figure2", "gray", None, "psnr"),
        ("dncnn_figure2:full", "gray", 555_072, "psnr"),
        ("super_resolution_x3", "colour", 1_554_499, "psnr"),
        ("super_resolution_x3:small", "colour", None, "psnr"),
        ("isbi_membranes", "cells", 31_030_658, "mean_iou"),
        ("isbi_membranes:small", "cells", None, "mean_iou"),
        ("camvid_norms", "streets", None, "mean_iou"),
        ("camvid_norms:full", "streets", None, "mean_iou"),
        ("style_norms", "colour", None, "loss"),
        ("style_adain", "colour", None, "loss"),
    ],
)
def test_experiments_are_built_on_data_as_they_describe_it(
    data: Path, experiment: str, sets: str, parameters: int | None, metric: str
):
    name, _, variant = experiment.partition(":")
    config = config_file.load(f"{EXPERIMENTS / name}.py" + (f":{variant}" if variant else ""))
    config.data.path = str(data / sets)
    config.style_transfer.image = str(data / "colour" / "Set5" / "1.png")
    made = build(make_arms(config)[0].config if config.ablation.axes else config)
    assert parameters is None or made.parameters == parameters
    assert made.task.headline == metric
    assert made.train.num_examples > 0 and made.total_steps > 0
