"""The task of restoration: what the network sees, what it is measured by, and what does not fit together."""

from __future__ import annotations

import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from deepvision.config import default_config
from deepvision.errors import UserError
from deepvision.models import create_model
from deepvision.tasks import Restoration
from deepvision.tasks.restoration import bicubic, metrics

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (31, 44, 3), np.uint8)
GRAY = COLOUR[..., :1]


def config(model: str, degradation: str, **fields: Any) -> ConfigDict:
    config = default_config()
    config.model.name = model
    config.data.normalize = "unit"
    config.restoration.degradation = degradation
    config.restoration.update(fields)
    return config


def task(model: str = "dncnn17_gray", degradation: str = "gaussian(sigma=25)", **fields: Any) -> Restoration:
    made = config(model, degradation, **fields)
    return Restoration.configured(made, made.loss, create_model(model))


def evaluation_batch(task: Restoration, image: np.ndarray, name: str = "Set12/01.png") -> dict[str, jax.Array]:
    example = task.on_host({"image": image}, name)
    size = np.array([example["image"].shape[:2]])
    return {
        "image": jnp.asarray(example["image"][None] / 255),
        "input": jnp.asarray(example["input"][None]),
        "size": size,
    }


def test_training_sees_noise_of_its_own_for_each_example():
    images = jnp.full((2, 30, 30, 1), 0.5)
    seen, targets = task().prepare({"image": images}, jax.random.key(0), train=True)
    assert seen.shape == images.shape and 255 * jnp.std(seen) == pytest.approx(25, rel=0.1)
    assert not np.allclose(seen[0], seen[1])
    np.testing.assert_array_equal(targets.image, images)


def test_evaluation_sees_the_noise_that_belongs_to_the_file_and_the_level():
    seen, _ = task().prepare(evaluation_batch(task(), GRAY), None, train=False)
    noise = np.random.default_rng(zlib.crc32(b"Set12/01.png/25")).standard_normal((31, 44, 1)) * 25 / 255
    np.testing.assert_allclose(seen[0], GRAY / 255 + noise, atol=1e-6)


def test_levels_of_evaluation_may_be_others():
    blind = task(degradation="gaussian(sigma=(0, 55))", eval_degradation="gaussian(sigma=50)")
    assert blind.training.sigma == (0, 55) and blind.evaluation.sigma == 50


@pytest.mark.parametrize(
    ("model", "degradation", "image", "seen"),
    [
        ("dncnn17_gray", "gaussian(sigma=25)", GRAY, (31, 44, 1)),
        ("ffdnet_gray", "gaussian(sigma=(0, 75))", GRAY, (31, 44, 2)),
        ("vdsr", "bicubic(scale=3)", GRAY, (30, 42, 1)),
        ("edsr_baseline_x3", "bicubic(scale=3)", COLOUR, (10, 14, 3)),
        ("dncnn20_color", "jpeg(quality=20)", COLOUR, (31, 44, 3)),
        ("dncnn20_color", "boxes", COLOUR, (31, 44, 3)),
    ],
)
def test_networks_are_given_what_they_take(model: str, degradation: str, image: np.ndarray, seen: tuple):
    """The noise map of those that are told, enlarged images of those that do not enlarge, and no condition else."""
    made = task(model, degradation)
    batch = evaluation_batch(made, image)
    given, truth = made.prepare(batch, None, train=False)
    assert given.shape == (1, *seen)
    assert made.input_shape(truth.image.shape[1:]) == seen
    trained, _ = made.prepare({"image": truth.image}, jax.random.key(0), train=True)
    assert trained.shape == given.shape


def test_pairs_are_taken_as_they_are():
    made = task(degradation="given")
    pair = {"image": GRAY, "input": 255 - GRAY}
    np.testing.assert_allclose(made.on_host(pair, "")["input"], (255 - GRAY) / 255, atol=1e-6)
    batch = {name: jnp.asarray(plane[None] / 255) for name, plane in pair.items()}
    seen, truth = made.prepare(batch, jax.random.key(0), train=True)
    np.testing.assert_array_equal(seen, batch["input"])
    np.testing.assert_array_equal(truth.image, batch["image"])
    for wrong, example, message in (
        (made, {"image": GRAY}, "set data.name to 'image_pairs'"),
        (task(), pair, "'given'"),
    ):
        with pytest.raises(UserError, match=message):
            wrong.on_host(example, "")
        with pytest.raises(UserError, match=message):
            wrong.prepare({name: batch[name] for name in example}, jax.random.key(0), train=True)


def test_images_that_are_degraded_already_take_the_form_of_those_that_evaluation_degrades():
    enlarging = task("vdsr", "bicubic(scale=3)")
    whole = enlarging.on_host({"image": GRAY}, "")
    small = bicubic.imresize(whole["image"], 1 / 3) / 255
    np.testing.assert_allclose(enlarging.given(small, None), whole["input"], atol=1e-6)
    np.testing.assert_array_equal(task("edsr_baseline_x3", "bicubic(scale=3)").given(small, None), np.float32(small))
    told = task("ffdnet_gray", "gaussian(sigma=(0, 75))", eval_degradation="gaussian(sigma=51)")
    given = told.given(np.float32(GRAY / 255), None)
    np.testing.assert_allclose(given, np.concatenate([GRAY / 255, np.full((31, 44, 1), 0.2)], axis=-1), atol=1e-6)
    with pytest.raises(UserError, match="set restoration.eval_degradation to gaussian"):
        task("ffdnet_gray", "gaussian(sigma=(0, 75))").given(np.float32(GRAY / 255), None)
    known = RNG.random((31, 44, 1)) > 0.5
    inpainting = task("partial_conv_unet", "boxes")
    given = inpainting.given(np.float32(COLOUR / 255), known)
    np.testing.assert_allclose(given, np.concatenate([np.where(known, COLOUR / 255, 0), known], axis=-1), atol=1e-6)
    with pytest.raises(UserError, match="no alpha channel"):
        inpainting.given(np.float32(COLOUR / 255), None)


def test_pictures_show_what_went_in_what_came_out_and_how_far_off_it_is():
    made = task("edsr_baseline_x3", "bicubic(scale=3)")
    example = made.on_host({"image": COLOUR}, "")
    shown = made.pictures(example, example["image"] / np.float32(255) + 0.1)
    assert {picture.shape for picture in shown.values()} == {(30, 42, 3)}
    np.testing.assert_array_equal(shown["truth"], COLOUR[:30, :42])
    np.testing.assert_array_equal(shown["input"][::3, ::3], np.rint(255 * example["input"]))
    bright = np.all(COLOUR[:30, :42] < 229, axis=-1)  # elsewhere white is as far as it goes
    assert np.all(np.abs(shown["error"][bright] - 5 * 25.5) <= 1)
    assert list(made.pictures({"input": example["input"]}, example["image"] / 255)) == ["input", "output"]


def test_metrics_are_those_of_the_whole_image():
    made = task()
    _, truth = made.prepare(evaluation_batch(made, GRAY), None, train=False)
    outputs = jnp.clip(truth.image + 0.1 * RNG.standard_normal(truth.image.shape), -0.2, 1.2)
    everywhere = jnp.ones((1, 31, 44), bool)
    found = {name: float(metric.value()) for name, metric in made.metrics(outputs, truth, jnp.ones(1)).items()}
    clipped = jnp.clip(outputs, 0, 1)
    assert found["loss"] == pytest.approx(float(jnp.mean((outputs - truth.image) ** 2)), rel=1e-5)
    assert found["psnr"] == pytest.approx(float(metrics.psnr(clipped, truth.image, everywhere)[0]), rel=1e-5)
    assert found["ssim"] == pytest.approx(float(metrics.ssim(clipped, truth.image, everywhere)[0]), rel=1e-5)


def test_super_resolution_is_measured_without_its_frame_on_luma_of_eight_bits():
    made = task("edsr_baseline_x3", "bicubic(scale=3)", rounded=True, luma=True)
    _, truth = made.prepare(evaluation_batch(made, COLOUR), None, train=False)
    outputs = jnp.asarray(truth.image).at[:, :3].set(0)  # wrong in the frame alone
    outputs = outputs.at[:, 10:20].add(0.2 / 255)  # and by what rounding takes away
    values = made.metrics(outputs, truth, jnp.ones(1))
    assert float(values["psnr"].value()) == pytest.approx(120)
    assert 5 < float(values["input_psnr"].value()) < 20, "random pixels are no smooth image"


def test_padding_does_not_count():
    made = task()
    batch = evaluation_batch(made, GRAY)
    padded = {name: np.pad(batch[name], [(0, 0), (0, 9), (0, 4), (0, 0)], mode="edge") for name in ("image", "input")}
    values = []
    for b in (batch, {**padded, "size": batch["size"]}):
        seen, truth = made.prepare(jax.tree.map(jnp.asarray, b), None, train=False)
        values.append({name: float(m.value()) for name, m in made.metrics(seen * 0.9, truth, jnp.ones(1)).items()})
    assert values[0] == pytest.approx(values[1], rel=1e-5)


@pytest.mark.parametrize(
    ("model", "degradation", "message"),
    [
        ("edsr_baseline_x2", "bicubic(scale=3)", "EDSR enlarges 2 times, but Bicubic.* reduces 3 times"),
        ("dncnn17_gray", "bicubic(scale=3)", "DnCNN enlarges 1 times"),
        ("edsr_baseline_x2", "gaussian", "EDSR enlarges 2 times, but Gaussian.* reduces 1 times"),
        ("ffdnet_gray", "jpeg", "must be told the noise of each pixel, which Jpeg"),
        ("resnet18", "gaussian", "needs a network that returns images, which resnet18 does not"),
    ],
)
def test_what_does_not_fit_is_refused(model: str, degradation: str, message: str):
    with pytest.raises(UserError, match=message):
        task(model, degradation)


def test_images_must_be_in_the_unit_interval():
    made = config("dncnn17_gray", "gaussian")
    made.data.normalize = "dataset"
    with pytest.raises(UserError, match="set data.normalize to 'unit'"):
        Restoration.configured(made, made.loss, create_model("dncnn17_gray"))


@pytest.mark.parametrize(("name", "expected"), [("mse", 0.01), ("l1", 0.1), ("charbonnier(epsilon=0.1)", 0.1 * 2**0.5)])
def test_losses_are_their_formulas(name: str, expected: float):
    made = task(loss=name)
    _, truth = made.prepare({"image": jnp.full((3, 8, 8, 1), 0.5)}, jax.random.key(0), train=True)
    np.testing.assert_allclose(made.loss(truth.image + 0.1, truth), expected, rtol=1e-4)
