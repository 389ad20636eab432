"""Optimizers and schedules: optax, put together from a config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax
from ml_collections import ConfigDict

from deepvision.choices import resolve
from deepvision.errors import UserError, unknown
from deepvision.params import is_kernel

Schedule = Callable[[Any], Any]


def make_optimizer(config: ConfigDict, rate: Schedule) -> optax.GradientTransformation:
    """Returns the optimizer of `config` (its section `optimizer`) at the given learning rate.

    Weight decay acts on kernels alone, by role and rank: no bias, no scale of a norm, no learned slope decays, whatever
    stands at a site.

    Raises: UserError for an unknown name.
    """
    if config.name not in OPTIMIZERS:
        raise unknown("optimizer", config.name, OPTIMIZERS)
    clip = optax.clip_by_global_norm(config.clip_norm) if config.clip_norm else optax.identity()
    return optax.chain(clip, OPTIMIZERS[config.name](config, rate))


def _sgd(config: ConfigDict, rate: Schedule) -> optax.GradientTransformation:
    """SGD with momentum; the decay is part of the gradient (He et al. 2015, section 3.4)."""
    sgd = optax.sgd(rate, momentum=config.momentum or None, nesterov=config.nesterov)
    return optax.chain(_coupled_decay(config), sgd)


def _adam(config: ConfigDict, rate: Schedule) -> optax.GradientTransformation:
    """Adam with the decay as part of the gradient (Kingma & Ba 2014)."""
    return optax.chain(_coupled_decay(config), optax.adam(rate, b1=config.b1, b2=config.b2, eps=config.eps))


def _adamw(config: ConfigDict, rate: Schedule) -> optax.GradientTransformation:
    """Adam with decoupled decay (Loshchilov & Hutter 2017)."""
    return optax.adamw(
        rate, b1=config.b1, b2=config.b2, eps=config.eps, weight_decay=config.weight_decay, mask=kernel_mask
    )


def _lars(config: ConfigDict, rate: Schedule) -> optax.GradientTransformation:
    """LARS (You et al. 2017); trust ratio and decay on kernels alone."""
    return optax.lars(
        rate,
        weight_decay=config.weight_decay,
        weight_decay_mask=kernel_mask,
        trust_ratio_mask=kernel_mask,
        momentum=config.momentum,
        nesterov=config.nesterov,
    )


def _lamb(config: ConfigDict, rate: Schedule) -> optax.GradientTransformation:
    """LAMB (You et al. 2019)."""
    return optax.lamb(
        rate, b1=config.b1, b2=config.b2, eps=config.eps, weight_decay=config.weight_decay, mask=kernel_mask
    )


OPTIMIZERS = {"sgd": _sgd, "adam": _adam, "adamw": _adamw, "lars": _lars, "lamb": _lamb}


def _coupled_decay(config: ConfigDict) -> optax.GradientTransformation:
    if not config.weight_decay:
        return optax.identity()
    return optax.add_decayed_weights(config.weight_decay, mask=kernel_mask)


def kernel_mask(params: Any) -> Any:
    """Returns a tree of booleans: which parameters are kernels."""
    return jax.tree_util.tree_map_with_path(is_kernel, params)


def make_schedule(config: ConfigDict, peak: float, total_steps: int, steps_per_epoch: float) -> Schedule:
    """Returns the learning rate as a function of the step: a linear warm-up from 0, then the section `schedule`.

    The schedules of optax are multiplied by the peak; their steps count from the end of the warm-up.

    Raises: UserError for an unknown name or a warm-up longer than the training.
    """
    warmup = round(config.warmup_epochs * steps_per_epoch)
    if warmup > total_steps:
        raise UserError(f"schedule.warmup_epochs = {config.warmup_epochs:g} is longer than the {total_steps} steps")
    main = _main_schedule(config, max(total_steps - warmup, 1), warmup, steps_per_epoch)
    joined = optax.join_schedules([optax.linear_schedule(0.0, 1.0, warmup), main], [warmup]) if warmup else main
    return lambda step: peak * joined(step)


def _main_schedule(config: ConfigDict, steps: int, warmup: int, steps_per_epoch: float) -> Schedule:
    own = {
        "constant": lambda: optax.constant_schedule(1.0),
        "cosine": lambda: optax.cosine_decay_schedule(1.0, steps, alpha=config.final),
        "linear": lambda: optax.linear_schedule(1.0, config.final, steps),
        "step": lambda: optax.piecewise_constant_schedule(
            1.0, {round(epoch * steps_per_epoch) - warmup: config.factor for epoch in config.boundaries}
        ),
    }
    return resolve(own | OPTAX_SCHEDULES, config.name, "schedule")()


OPTAX_SCHEDULES = {
    "cosine_onecycle_schedule": optax.cosine_onecycle_schedule,
    "exponential_decay": optax.exponential_decay,
    "linear_onecycle_schedule": optax.linear_onecycle_schedule,
    "piecewise_constant_schedule": optax.piecewise_constant_schedule,
    "piecewise_interpolate_schedule": optax.piecewise_interpolate_schedule,
    "polynomial_schedule": optax.polynomial_schedule,
    "warmup_constant_schedule": optax.warmup_constant_schedule,
    "warmup_cosine_decay_schedule": optax.warmup_cosine_decay_schedule,
    "warmup_exponential_decay_schedule": optax.warmup_exponential_decay_schedule,
}
