"""Policies: what they draw, how often, and that drawn operations are Pillow's one after another."""

from __future__ import annotations

from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from deepvision.data.augment import policies
from deepvision.data.augment.operations import OPERATIONS, operation
from deepvision.data.augment.policies import NARROW, WIDE
from deepvision.data.augment.sub_policies import SUB_POLICIES
from deepvision.errors import UserError
from tests.data.augment import planes
from tests.data.augment.planes import PICTURE, from_pillow, photo, to_pillow
from tests.data.augment.test_against_pillow import FILL, by_pillow

# The strengths of torchvision 0.24: of 31 bins of RandAugment and TrivialAugmentWide, and of 10 of AutoAugment.
AMOUNTS = [
    (NARROW, "rotate", 9 / 30, -1, -9.0),
    (NARROW, "shear_y", 9 / 30, 1, 0.09),
    (NARROW, "translate_x", 9 / 30, 1, 30.0),  # int(150 / 331 * 224 * 0.3), of an image 224 wide
    (NARROW, "translate_y", 9 / 30, -1, -13.0),  # 100 high
    (NARROW, "brightness", 9 / 30, -1, 0.73),
    (NARROW, "posterize", 9 / 30, 1, 7.0),
    (NARROW, "solarize", 9 / 30, 1, 178.5),
    (NARROW, "posterize", 5 / 9, 1, 6.0),
    (NARROW, "solarize", 5 / 9, 1, 255 - 5 * 255 / 9),
    (NARROW, "contrast", 8 / 9, 1, 1.8),
    (WIDE, "rotate", 1.0, 1, 135.0),
    (WIDE, "translate_y", 15 / 30, 1, 16.0),
    (WIDE, "shear_x", 10 / 30, -1, -0.33),
    (WIDE, "color", 1.0, -1, 0.01),
    (WIDE, "posterize", 1.0, 1, 2.0),
]


@pytest.mark.parametrize(("space", "name", "strength", "sign", "amount"), AMOUNTS)
def test_amounts_are_torchvision_s(space, name, strength, sign, amount):
    drawn = operation(jnp.array(OPERATIONS.index(name)), jnp.float32(strength), jnp.float32(sign), space, (100, 224))
    assert float(drawn.amount) == pytest.approx(amount, rel=1e-5)


@pytest.mark.parametrize("space", [NARROW, WIDE])
def test_operations_follow_one_another_as_in_pillow(space):
    """A level of difference may grow behind a table, so few values differ by more; the mean difference is small."""
    image, rng = photo(32, 44), np.random.default_rng(0)
    one = jax.jit(lambda draws: policies.applied(jnp.float32(image), draws, space, PICTURE, "bilinear"))
    for _ in range(60):
        number, sign = rng.integers(0, len(OPERATIONS), 2), rng.choice([-1.0, 1.0], 2)
        draws = policies.Draws(jnp.array(number), jnp.float32(rng.integers(0, 31, 2) / 30), jnp.float32(sign))
        expected = to_pillow(image)
        for drawn in policies.operations_of(draws, space, (32, 44)):
            name, amount = OPERATIONS[int(drawn.number)], float(drawn.amount)
            amount = np.ceil(amount - 1e-3) if name == "solarize" else amount
            expected = by_pillow(expected, name, amount, Image.Resampling.BILINEAR)
        difference = np.abs(np.asarray(one(draws)) - from_pillow(expected))
        names = [OPERATIONS[n] for n in number]
        assert (difference > 1).mean() < 0.02 and difference.mean() < 0.25, names


def test_the_learned_pairs_are_those_of_the_paper():
    """How often each operation stands in the tables of the paper, and the pairs that it describes as typical."""
    expected = {
        "imagenet": "equalize 17 solarize 7 posterize 5 rotate 6 color 6 invert 3 autocontrast 2 contrast 2 shear_x 1"
        " sharpness 1",
        "cifar10": "equalize 9 autocontrast 7 sharpness 5 translate_y 5 color 5 brightness 4 solarize 4 invert 3"
        " contrast 2 translate_x 2 shear_y 2 rotate 1 posterize 1",
        "svhn": "invert 12 shear_y 8 shear_x 6 equalize 6 solarize 5 rotate 4 autocontrast 3 translate_y 4 contrast 1"
        " translate_x 1",
    }
    for policy, words in expected.items():
        assert len(SUB_POLICIES[policy]) == 25
        counts = Counter(step.name for pair in SUB_POLICIES[policy] for step in pair)
        names = words.split()
        assert counts == dict(zip(names[::2], map(int, names[1::2]), strict=True))
        assert all(
            0 <= step.probability <= 1 and step.magnitude in range(10) for p in SUB_POLICIES[policy] for step in p
        )
    assert SUB_POLICIES["svhn"][0] == (("shear_x", 0.9, 4), ("invert", 0.2, 0))
    assert SUB_POLICIES["imagenet"][0] == (("posterize", 0.4, 8), ("rotate", 0.6, 9))
    assert SUB_POLICIES["cifar10"][2] == (("sharpness", 0.8, 1), ("sharpness", 0.9, 3))


def recorded(monkeypatch, choice: str, count: int = 4000) -> policies.Draws:
    """Returns what a policy draws of many keys, [count, k]."""
    monkeypatch.setattr(policies, "applied", lambda image, draws, *rest: draws)
    policy = planes.resolve(planes.AUGMENTATIONS, choice, "augmentation")
    keys = jax.random.split(jax.random.key(0), count)
    draws = jax.vmap(lambda key: policy(image=jnp.zeros((8, 8, 3)), key=key, plane=PICTURE))(keys)
    return jax.tree.map(np.asarray, draws)


def test_randaugment_draws_each_of_14_operations_at_one_magnitude(monkeypatch):
    draws = recorded(monkeypatch, "randaugment(num_ops=3, magnitude=12)")
    assert draws.number.shape == (4000, 3)
    counts = np.bincount(draws.number.ravel(), minlength=len(OPERATIONS))
    assert counts[OPERATIONS.index("invert")] == 0
    others = np.delete(counts, OPERATIONS.index("invert"))
    assert np.abs(others - 12000 / 14).max() < 5 * np.sqrt(12000 / 14)
    np.testing.assert_allclose(draws.strength, 0.4, rtol=1e-6)
    assert set(np.unique(draws.sign)) == {-1, 1} and abs(draws.sign.mean()) < 0.05
    assert abs(np.corrcoef(draws.number[:, 0], draws.number[:, 1])[0, 1]) < 0.05


def test_randaugment_spreads_its_magnitude(monkeypatch):
    draws = recorded(monkeypatch, "randaugment(magnitude=27, magnitude_std=1.5)")
    assert draws.strength.max() == 1 and draws.strength.mean() == pytest.approx(0.9, abs=0.005)
    assert draws.strength.std() == pytest.approx(0.05, rel=0.1)


def test_trivialaugment_draws_one_operation_and_one_of_31_strengths(monkeypatch):
    draws = recorded(monkeypatch, "trivialaugment")
    assert draws.number.shape == (4000, 1) and len(np.unique(draws.number)) == 14
    strengths, counts = np.unique(np.rint(30 * draws.strength), return_counts=True)
    assert strengths.tolist() == list(range(31)) and np.abs(counts - 4000 / 31).max() < 5 * np.sqrt(4000 / 31)


def test_autoaugment_draws_pairs_each_with_its_probabilities(monkeypatch):
    draws = recorded(monkeypatch, "autoaugment(policy='svhn')", 20_000)
    for place in range(2):
        for name in ("invert", "shear_y", "equalize", "identity"):
            steps = [pair[place] for pair in SUB_POLICIES["svhn"]]
            expected = sum(step.probability for step in steps if step.name == name) / 25
            if name == "identity":
                expected = sum(1 - step.probability for step in steps) / 25
            assert (draws.number[:, place] == OPERATIONS.index(name)).mean() == pytest.approx(expected, abs=0.02)
    sheared = draws.number[:, 0] == OPERATIONS.index("shear_y")
    assert set(np.rint(9 * draws.strength[sheared, 0]).astype(int)) == {8, 5, 6, 7, 4}


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("randaugment(num_ops=0)", "num_ops must be"),
        ("randaugment(magnitude=31)", r"magnitude must be a number in \[0, 30\]"),
        ("randaugment(magnitude_std=-1)", "magnitude_std must be"),
        ("randaugment(interpolation='cubic')", "bilinear, nearest"),
        ("trivialaugment(interpolation='cubic')", "bilinear, nearest"),
        ("autoaugment(policy='mnist')", "imagenet, cifar10, svhn"),
        ("color_jitter(hue=0.6)", "hue must be"),
        ("color_jitter(brightness=-0.1)", "brightness must be"),
        ("grayscale(p=2)", "p, a probability, must be"),
        ("gaussian_blur(size=4)", "size must be odd"),
        ("gaussian_blur(size=81)", "too large for an image of 32x44"),
        ("gaussian_blur(sigma=(0, 1))", "sigma must be"),
        ("gaussian_noise(sigma=-0.1)", "sigma must be"),
    ],
)
def test_bad_arguments_are_refused(choice, message):
    with pytest.raises(UserError, match=message) as caught:
        planes.draw(choice, {"image": photo(32, 44)}, 1)
    assert "\n" not in str(caught.value)


def test_what_comes_in_is_the_mean_in_whole_levels():
    image = np.full((20, 20, 3), 255.0, np.float32)
    number, zeros = jnp.array([OPERATIONS.index("translate_x")]), jnp.ones(1)
    plane = PICTURE._replace(fill=np.float32([*FILL[:2], 30.4]))
    found = policies.applied(jnp.asarray(image), policies.Draws(number, zeros, zeros), NARROW, plane, "bilinear")
    assert (np.asarray(found[:, :9]) == FILL).all() and (np.asarray(found[:, 9:]) == 255).all()
