"""What a result must not depend on: devices, replicas beside it, steps per dispatch, the size of evaluation batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.train.small import curve, small_config, train

ON_DEVICES = """
import sys
from pathlib import Path
from tests.train.small import small_config, train
for devices in (1, 8):
    config = small_config(parallel__devices=devices)
    train(config, Path(sys.argv[1]) / str(devices))
    config = small_config(parallel__devices=devices, model__name="mlp", model__overrides=None, model__norm="layer")
    config.loss.mixup, config.loss.cutmix = 0.2, 1.0
    train(config, Path(sys.argv[1]) / f"mlp{devices}")
"""


@pytest.fixture(scope="module")
def on_devices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same runs on 1 and on 8 devices of a CPU."""
    folder = tmp_path_factory.mktemp("devices")
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", ON_DEVICES, str(folder)], env=environment, check=True)
    return folder


@pytest.mark.parametrize("network", ["", "mlp"])
def test_the_loss_curve_does_not_depend_on_the_number_of_devices(on_devices: Path, network: str):
    """With batch norm over all devices, augmentation and dropout on; the perceptron with mixup and cutmix."""
    one, many = (curve(on_devices / f"{network}{count}") for count in (1, 8))
    assert len(one) == 20
    assert one[-5:].mean() < one[0] - 0.1, "it learns"
    np.testing.assert_allclose(many, one, rtol=1e-4, atol=1e-4)


def test_evaluation_does_not_depend_on_the_number_of_devices(on_devices: Path):
    for metric, tolerance in (("loss", 1e-4), ("accuracy", 0)):
        one, many = (curve(on_devices / str(count), "eval", metric) for count in (1, 8))
        np.testing.assert_allclose(many, one, atol=tolerance)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seed 1 trained alone, moving average on."""
    folder = tmp_path_factory.mktemp("alone")
    train(small_config(train__averaging="ema(decay=0.9)"), folder, seeds=(1,))
    return folder


@pytest.mark.parametrize("mode", ["vmap", "sequential"])
def test_a_replica_equals_the_run_of_its_seed_alone(alone: Path, tmp_path: Path, mode: str):
    train(small_config(train__averaging="ema(decay=0.9)", parallel__replicas=mode), tmp_path, seeds=(0, 1, 2, 3))
    for split in ("train", "eval"):
        beside, solo = (curve(folder, split, seed=1) for folder in (tmp_path, alone))
        np.testing.assert_allclose(beside, solo, rtol=1e-4, atol=1e-4)
    others = [curve(tmp_path, seed=seed)[0] for seed in (0, 1, 2, 3)]
    assert len(set(others)) == 4, "seeds must differ"


def test_an_average_is_evaluated_beside_the_weights_and_does_not_change_them(alone: Path, tmp_path: Path):
    train(small_config(), tmp_path, seeds=(1,))
    newest, plain = curve(alone, "eval", "newest_accuracy", seed=1), curve(tmp_path, "eval", "accuracy", seed=1)
    np.testing.assert_array_equal(newest, plain)
    assert (curve(alone, "eval", "newest_loss", seed=1) != curve(alone, "eval", seed=1)).all()


def test_several_steps_per_dispatch_change_nothing(alone: Path, tmp_path: Path):
    config = small_config(train__averaging="ema(decay=0.9)", train__scan_steps=2, train__log_every_steps=2)
    config.train.eval_every_epochs = 2.0
    train(config, tmp_path, seeds=(1,))
    np.testing.assert_allclose(curve(tmp_path, seed=1), curve(alone, seed=1).reshape(-1, 2).mean(axis=1), rtol=1e-4)


@pytest.mark.parametrize("size", [1, 97, 359])
def test_evaluation_counts_every_example_once(alone: Path, tmp_path: Path, size: int):
    """Whatever the size of its batches, the last of which is ragged."""
    config = small_config(train__averaging="ema(decay=0.9)", data__eval_batch_size=size, train__eval_every_epochs=2.0)
    result = train(config, tmp_path, seeds=(1,))["last"][0]
    reference = curve(alone, "eval", "accuracy", seed=1)[-1]
    assert result["accuracy"] == pytest.approx(reference, abs=1e-12)
    assert result["accuracy"] * 359 == pytest.approx(round(result["accuracy"] * 359), abs=1e-9)
    assert result["loss"] == pytest.approx(curve(alone, "eval", seed=1)[-1], rel=1e-5)
