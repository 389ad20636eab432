"""What the tests of bad input share: a good experiment to be spoilt, and proof that nothing was compiled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from deepvision.train import loop

RNG = np.random.default_rng(0)
ARRAYS = {
    "train_images": RNG.integers(0, 256, (16, 8, 8), np.uint8),
    "train_labels": np.arange(16) % 3,
    "test_images": RNG.integers(0, 256, (8, 8, 8), np.uint8),
    "test_labels": np.arange(8) % 3,
}
EXPERIMENT = """
from deepvision.config import default_config

def get_config():
    config = default_config()
    config.model.name = "mlp"
    config.data.name = "npz"
    config.data.path = {path!r}
    config.data.batch_size = config.data.eval_batch_size = 8
    config.train.steps = 2
    return config
"""


@pytest.fixture(scope="session")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an experiment with nothing wrong in it: a perceptron on 16 images of three classes."""
    folder = tmp_path_factory.mktemp("experiment")
    np.savez(folder / "set.npz", **ARRAYS)
    (folder / "good.py").write_text(EXPERIMENT.format(path=str(folder / "set.npz")))
    return folder / "good.py"


@pytest.fixture(scope="module")
def nothing_compiles() -> Iterator[None]:
    """Lets no training get beyond what is checked before it compiles anything."""

    def compiled(*_: object) -> None:
        raise AssertionError("a training with a mistake in it has been compiled")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "initial", compiled)
        yield
