"""Small data sets of the tests' own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepvision.config import default_config


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> Path:
    """A folder in which TFDS data sets are prepared once for all tests."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def data(data_dir):
    """`config.data` of the digits."""
    data = default_config().data
    data.data_dir = str(data_dir)
    return data


@pytest.fixture
def npz(tmp_path) -> Path:
    """A .npz file of 50 training and 23 test images, 6x5x3, 4 classes."""
    rng = np.random.default_rng(0)
    path = tmp_path / "small.npz"
    np.savez(
        path,
        train_images=rng.integers(0, 256, (50, 6, 5, 3), np.uint8),
        train_labels=np.arange(50) % 4,
        test_images=rng.integers(0, 256, (23, 6, 5, 3), np.uint8),
        test_labels=np.arange(23) % 4,
    )
    return path


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of 6x5 images: three classes, four images each in train and two in test; one suffix per place."""
    root = tmp_path / "animals"
    suffixes = (".png", ".bmp", ".webp", ".JPG")
    for split, count in (("train", 4), ("test", 2)):
        for label, name in enumerate(("cat", "dog", "eel")):
            (root / split / name).mkdir(parents=True)
            for place in range(count):
                pixels = np.full((6, 5, 3), 40 * label + 10 * place, np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{place}{suffixes[place]}")
    return root
