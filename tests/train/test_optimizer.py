"""Optimizers and schedules against the formulas of their papers."""

from __future__ import annotations

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
    with pytest.raises(UserError, match="warmup_epochs = 20 is longer"):
        schedule(warmup_epochs=20.0)
