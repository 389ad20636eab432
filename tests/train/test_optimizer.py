"""Optimizers and schedules against the formulas of their papers."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from deepvision.config import default_config
from deepvision.errors import UserError
from deepvision.train.optimizer import OPTIMIZERS, kernel_mask, make_optimizer, make_schedule


def section(**changes):
    config = default_config().optimizer
    config.update(changes)
    return config


def params():
    conv = {"kernel": jnp.full((3, 3, 2, 4), 2.0), "bias": jnp.full(4, 2.0)}
    return {"conv1": conv, "norm1": {"scale": jnp.full(4, 2.0)}}


def one_update(config, gradient: float, rate: float = 0.1):
    optimizer = make_optimizer(config, optax.constant_schedule(rate))
    grads = jax.tree.map(lambda x: jnp.full_like(x, gradient), params())
    updates, _ = optimizer.update(grads, optimizer.init(params()), params())
    return updates


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_moves_kernels_alone(name: str):
    """By role and rank: with no gradient at all, nothing else moves."""
    updates = one_update(section(name=name, weight_decay=0.01), gradient=0.0)
    assert np.all(updates["conv1"]["kernel"] < 0)
    assert not np.any(updates["conv1"]["bias"]) and not np.any(updates["norm1"]["scale"])


def test_the_mask_goes_by_role():
    conv = {"kernel": jnp.ones((2, 2)), "kernel_gain": jnp.ones(2)}
    mask = kernel_mask({"conv": conv, "norm": {"scale": jnp.ones((2, 2))}})
    assert mask == {"conv": {"kernel": True, "kernel_gain": False}, "norm": {"scale": False}}


def test_sgd_is_momentum_with_the_decay_in_the_gradient():
    """v <- m v + g + d w, w <- w - lr v."""
    optimizer = make_optimizer(section(momentum=0.9, weight_decay=0.5), optax.constant_schedule(0.1))
    w, state, velocity, expected = {"kernel": jnp.ones((1, 1))}, None, 0.0, 1.0
    state = optimizer.init(w)
    for gradient in (1.0, -2.0, 0.5):
        updates, state = optimizer.update({"kernel": jnp.full((1, 1), gradient)}, state, w)
        w = optax.apply_updates(w, updates)
        velocity = 0.9 * velocity + gradient + 0.5 * expected
        expected -= 0.1 * velocity
    np.testing.assert_allclose(w["kernel"], expected, rtol=1e-6)


def test_adamw_decouples_the_decay():
    """The first step is lr (sign(g) + d w), whatever the size of the gradient."""
    updates = one_update(section(name="adamw", weight_decay=0.5), gradient=1e3)
    np.testing.assert_allclose(updates["conv1"]["kernel"], -0.1 * (1 + 0.5 * 2.0), rtol=1e-5)
    np.testing.assert_allclose(updates["conv1"]["bias"], -0.1, rtol=1e-5)


def test_clipping_bounds_the_global_norm():
    updates = one_update(section(clip_norm=1.0, momentum=0.0), gradient=7.0, rate=1.0)
    np.testing.assert_allclose(optax.tree.norm(updates), 1.0, rtol=1e-5)


def conv_kernel(updates) -> np.ndarray:
    """Returns the update of the kernel as a matrix [filter, outputs]."""
    return np.asarray(updates["conv1"]["kernel"]).reshape(18, 4)


def random_params(seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    conv = {"kernel": rng.standard_normal((3, 3, 2, 4)), "bias": rng.standard_normal(4)}
    tree = {"conv1": conv, "norm1": {"scale": np.ones(4)}, "head": {"kernel": rng.standard_normal((4, 3))}}
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), tree)


def updates_of(config, count: int = 1, steps_per_epoch: float = 1.0):
    """Returns the last of so many updates of random parameters, by the same random gradients each time."""
    optimizer = make_optimizer(config, optax.constant_schedule(0.1), steps_per_epoch=steps_per_epoch)
    params, grads = random_params(), random_params(seed=1)
    state = optimizer.init(params)
    for _ in range(count):
        updates, state = optimizer.update(grads, state, params)
    return updates


@pytest.mark.parametrize("steps", [3, 5])
def test_muon_makes_the_update_of_a_hidden_kernel_nearly_orthogonal(steps: int):
    """U S V^T of the momentum, here of the gradient, becomes U V^T, up to what the iteration leaves of S."""
    updates = updates_of(section(name=f"muon(steps={steps})"))
    matrix, gradient = -conv_kernel(updates) / 0.1, conv_kernel(random_params(seed=1))
    left, values, right = np.linalg.svd(gradient, full_matrices=False)
    inner = left.T @ matrix @ right.T
    np.testing.assert_allclose(inner, np.diag(np.diag(inner)), atol=1e-4)
    assert np.diag(inner).min() > 0.6 and np.diag(inner).max() < 1.3
    assert values[0] / values[-1] > 1.7


def test_muon_is_larger_where_there_are_more_outputs_than_weights_in_a_filter():
    wide = {"kernel": jnp.asarray(np.random.default_rng(0).standard_normal((2, 8)), jnp.float32)}
    optimizer = make_optimizer(section(name="muon"), optax.constant_schedule(1.0))
    updates, _ = optimizer.update(wide, optimizer.init(wide), wide)
    values = np.linalg.svd(updates["kernel"], compute_uv=False)
    np.testing.assert_allclose(values, 2.0, rtol=0.35)  # sqrt(8 / 2)


def test_muon_leaves_the_classifier_and_all_that_is_no_kernel_to_sgd():
    by_muon, by_sgd = updates_of(section(name="muon"), 3), updates_of(section(name="sgd"), 3)
    np.testing.assert_array_equal(by_muon["head"]["kernel"], by_sgd["head"]["kernel"])
    np.testing.assert_array_equal(by_muon["conv1"]["bias"], by_sgd["conv1"]["bias"])
    assert not np.allclose(conv_kernel(by_muon), conv_kernel(by_sgd))
    hidden = updates_of(section(name="muon(left=())"))["head"]["kernel"]
    assert not np.allclose(hidden, updates_of(section(name="sgd"))["head"]["kernel"])


def test_muon_decays_apart_from_the_momentum():
    with_, without = (updates_of(section(name="muon", weight_decay=decay)) for decay in (0.5, 0.0))
    decay = -0.1 * 0.5 * conv_kernel(random_params())
    np.testing.assert_allclose(conv_kernel(with_) - conv_kernel(without), decay, atol=1e-6)


def test_muon_with_a_fixed_norm_starts_from_kernels_of_it():
    free, fixed = (updates_of(section(name=f"muon(fixed_norm={fixed})")) for fixed in (False, True))
    kernel = conv_kernel(random_params())
    start = 2 * kernel / np.linalg.norm(kernel)  # sqrt(4)
    np.testing.assert_allclose(kernel + conv_kernel(fixed), start + conv_kernel(free), atol=1e-5)
    np.testing.assert_array_equal(fixed["head"]["kernel"], free["head"]["kernel"])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_rate_of_a_group_scales_its_updates_and_no_others(name: str):
    plain = updates_of(section(name=name, weight_decay=0.1), 2)
    scaled = updates_of(section(name=name, weight_decay=0.1, groups=("rate(of='*/bias', factor=64.0)",)), 2)
    np.testing.assert_array_equal(scaled["conv1"]["bias"], 64 * plain["conv1"]["bias"])
    for updates in (plain, scaled):
        del updates["conv1"]["bias"]
    jax.tree.map(np.testing.assert_array_equal, scaled, plain)


def test_a_group_is_frozen_from_its_epoch_on():
    config = section(groups=("freeze(of='conv1/bias', epochs=1.5)",))
    learning, frozen = (updates_of(config, count, steps_per_epoch=2.0) for count in (3, 4))
    assert np.all(learning["conv1"]["bias"] != 0) and not np.any(frozen["conv1"]["bias"])
    np.testing.assert_array_equal(frozen["norm1"]["scale"], updates_of(section(), 4)["norm1"]["scale"])


def test_a_group_has_a_decay_of_its_own_whatever_it_holds():
    groups = ("decay(of='*/bias', weight=0.3)", "decay(of='head/*', weight=0.0)")
    updates = updates_of(section(weight_decay=0.1, momentum=0.0, groups=groups))
    params, grads = random_params(), random_params(seed=1)
    decays = {"conv1": {"kernel": 0.1, "bias": 0.3}, "norm1": {"scale": 0.0}, "head": {"kernel": 0.0}}
    expected = jax.tree.map(lambda weight, gradient, d: -0.1 * (gradient + d * weight), params, grads, decays)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4), updates, expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": ("rate(of='*nrom*')",)}, r"groups: no parameter is called '\*nrom\*'; they start with conv1"),
        ({"groups": ("rate(of='*', factor=-1.0)",)}, "optimizer.groups: rate: factor must be a number"),
        ({"groups": ("rates(of='*')",)}, "unknown group of parameters 'rates'"),
        ({"groups": ("freeze(of=3)",)}, "optimizer.groups: of must be a wildcard"),
        ({"trainable": ("tail/*",)}, "optimizer.trainable: no parameter is called 'tail/"),
        ({"name": "muon(beta=1.0)"}, "optimizer muon: beta must be a number in"),
        ({"name": "muon(left=('tail/*',))"}, "optimizer muon: left: no parameter is called 'tail/"),
        ({"name": "muon(step=3)"}, "unknown argument of optimizer 'muon': 'step'"),
    ],
    ids=str,
)
def test_mistakes_in_groups_are_named(changes: dict, message: str):
    with pytest.raises(UserError, match=message):
        updates_of(section(**changes))


def schedule(total: int = 100, per_epoch: float = 10.0, peak: float = 0.4, **changes):
    config = default_config().schedule
    config.update(changes)
    return make_schedule(config, peak, total, per_epoch)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": "constant"}, {0: 0.4, 99: 0.4}),
        ({"name": "cosine"}, {0: 0.4, 50: 0.2, 100: 0.0}),
        ({"name": "cosine", "final": 0.5}, {100: 0.2}),
        ({"name": "linear"}, {0: 0.4, 25: 0.3, 100: 0.0}),
        ({"name": "step", "boundaries": (5.0, 7.5)}, {49: 0.4, 50: 0.04, 74: 0.04, 75: 0.004}),
        ({"name": "triangular", "final": 0.5}, {0: 0.0, 10: 0.16, 25: 0.4, 100: 0.2}),
        ({"name": "triangular(rise=0.2, start=0.5)"}, {0: 0.2, 10: 0.3, 20: 0.4, 60: 0.2, 100: 0.0}),
        ({"name": "triangular(rise=0.0)"}, {0: 0.4, 50: 0.2, 100: 0.0}),
        ({"name": "cosine", "warmup_epochs": 2.0}, {0: 0.0, 10: 0.2, 20: 0.4, 60: 0.2, 100: 0.0}),
        ({"name": "step", "boundaries": (5.0,), "warmup_epochs": 2.0}, {20: 0.4, 49: 0.4, 50: 0.04}),
        ({"name": "exponential_decay(init_value=1.0, transition_steps=10, decay_rate=0.5)"}, {0: 0.4, 10: 0.2}),
    ],
    ids=str,
)
def test_schedules(changes: dict, expected: dict[int, float]):
    rate = schedule(**changes)
    for step, value in expected.items():
        assert float(rate(step)) == pytest.approx(value, abs=1e-6), step


def test_mistakes_are_named():
    with pytest.raises(UserError, match="unknown optimizer 'sdg' .did you mean 'sgd'"):
        make_optimizer(section(name="sdg"), optax.constant_schedule(0.1))
    with pytest.raises(UserError, match="unknown schedule 'cosin'"):
        schedule(name="cosin")
    with pytest.raises(UserError, match="schedule triangular: rise must be a number in"):
        schedule(name="triangular(rise=2.0)")
    with pytest.raises(UserError, match="warmup_epochs = 20 is longer"):
        schedule(warmup_epochs=20.0)
