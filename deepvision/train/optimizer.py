"""Optimizers and schedules: optax, put together from a config."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from deepvision.choices import Choice, resolve
from deepvision.errors import UserError, unknown
from deepvision.params import is_kernel
from deepvision.train.numbers import is_off

Schedule = Callable[[Any], Any]


def make_optimizer(config: ConfigDict, rate: Schedule, blocks: Sequence[str] = ()) -> optax.GradientTransformation:
    """Returns the optimizer of `config` (its section `optimizer`) at the given learning rate; numbers may be traced.

    Weight decay acts on kernels alone, by role and rank: no bias, no scale of a norm, no learned slope decays, whatever
    stands at a site. Parameters that `trainable` does not name stay as they are. With a `layer_decay` d, block i of n
    learns at the rate times d^(n - 1 - i); what belongs to none, such as position embeddings, as the first does.

    Args:
        config: the section `optimizer`.
        rate: the learning rate as a function of the step.
        blocks: names of the network's outermost modules, in the order of the computation.

    Raises: UserError for an unknown name, a decay outside (0, 1], or wildcards that name no parameter.
    Source: layer-wise decay, Clark et al. 2020 (ELECTRA, 2003.10555), appendix A; Bao et al. 2021 (BEiT, 2106.08254).
    """
    if config.name not in OPTIMIZERS:
        raise unknown("optimizer", config.name, OPTIMIZERS)
    for field in ("momentum", "b1", "b2"):
        if not isinstance(config[field], jax.Array) and not 0 <= config[field] < 1:
            raise UserError(f"optimizer.{field} must lie in [0, 1), got {config[field]}")
    if not isinstance(config.layer_decay, jax.Array) and not 0 < config.layer_decay <= 1:
        raise UserError(f"optimizer.layer_decay must lie in (0, 1], got {config.layer_decay}")
    clips = not is_off("optimizer.clip_norm", config.clip_norm)
    clip = optax.clip_by_global_norm(config.clip_norm) if clips else optax.identity()
    optimizer = optax.chain(clip, OPTIMIZERS[config.name](config, rate))
    if not is_off("optimizer.layer_decay", config.layer_decay):
        optimizer = optax.chain(optimizer, _scale_by_block(config.layer_decay, blocks))
    if tuple(config.trainable) != ("*",):
        transforms = {"trained": optimizer, "frozen": optax.set_to_zero()}
        optimizer = optax.partition(transforms, functools.partial(_labels, tuple(config.trainable)))
    return optimizer


def _scale_by_block(decay: float, blocks: Sequence[str]) -> optax.GradientTransformation:
    depth = {block: place for place, block in enumerate(blocks)}

    def scale(path: tuple[Any, ...], update: Any) -> Any:
        return update * decay ** (len(blocks) - 1 - depth.get(path[0].key, 0))

    return optax.stateless(lambda updates, _: jax.tree_util.tree_map_with_path(scale, updates))


def _labels(trainable: tuple[str, ...], params: Any) -> Any:
    """Returns a tree of "trained" and "frozen"."""
    names = {jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in jax.tree.leaves_with_path(params)}
    for pattern in trainable:
        if not fnmatch.filter(names, pattern):
            outermost = ", ".join(sorted({name.split("/")[0] for name in names}))
            raise UserError(f"optimizer.trainable: no parameter is called {pattern!r}; they start with {outermost}")
    trained = {name for pattern in trainable for name in fnmatch.filter(names, pattern)}

    def label(path: tuple[Any, ...], _: Any) -> str:
        return "trained" if jax.tree_util.keystr(path, simple=True, separator="/") in trained else "frozen"

    return jax.tree_util.tree_map_with_path(label, params)


def _sgd(config: ConfigDict, rate: Schedule) -> optax.GradientTransformation:
    """SGD with momentum; the decay is part of the gradient (He et al. 2015, section 3.4)."""
    momentum = None if is_off("optimizer.momentum", config.momentum) else config.momentum
    sgd = optax.sgd(rate, momentum=momentum, nesterov=config.nesterov)
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
    if is_off("optimizer.weight_decay", config.weight_decay):
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
        "step": lambda: _steps([round(epoch * steps_per_epoch) - warmup for epoch in config.boundaries], config.factor),
    }
    chosen = resolve(own | OPTAX_SCHEDULES, config.name, "schedule")
    return chosen() if chosen.name in own else _of_optax(chosen)


def _of_optax(chosen: Choice) -> Schedule:
    """Returns a schedule of optax, which checks its arguments when it is made or called."""
    try:
        schedule = chosen()
        schedule(0)
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"schedule.name = {chosen}: {str(error).splitlines()[0]}") from None
    return schedule


def _steps(boundaries: Sequence[int], factor: Any) -> Schedule:
    """Returns 1, multiplied by `factor` from each boundary on; that of optax takes no traced factor."""
    return lambda step: jnp.prod(jnp.where(step >= jnp.asarray(boundaries, jnp.int32), factor, 1.0))


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
