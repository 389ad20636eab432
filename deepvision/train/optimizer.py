"""Optimizers and schedules: optax, put together from a config."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from deepvision.checks import check_count, check_flag, check_number, check_rate
from deepvision.choices import Choice, resolve
from deepvision.errors import UserError
from deepvision.params import is_kernel
from deepvision.train.groups import FIELD, make_groups, must_name, named, weight_decay
from deepvision.train.muon import muon
from deepvision.train.numbers import is_off

Schedule = Callable[[Any], Any]
_CLASSIFIERS = ("head/*",)


def make_optimizer(
    config: ConfigDict, rate: Schedule, blocks: Sequence[str] = (), steps_per_epoch: float = 1.0
) -> optax.GradientTransformation:
    """Returns the optimizer of `config` (its section `optimizer`) at the given learning rate; numbers may be traced.

    Weight decay acts on kernels alone, by role and rank: no bias, no scale of a norm, no learned slope decays, whatever
    stands at a site. Parameters that `trainable` does not name stay as they are. With a `layer_decay` d, block i of n
    learns at the rate times d^(n - 1 - i); what belongs to none, such as position embeddings, as the first does.
    `groups` of parameters have a rate, a decay or an end of their own.

    Args:
        config: the section `optimizer`.
        rate: the learning rate as a function of the step.
        blocks: names of the network's outermost modules, in the order of the computation.
        steps_per_epoch: that groups count epochs by.

    Raises: UserError for an unknown name, a decay outside (0, 1], or wildcards that name no parameter.
    Source: layer-wise decay, Clark et al. 2020 (ELECTRA, 2003.10555), appendix A; Bao et al. 2021 (BEiT, 2106.08254).
    """
    for field in ("momentum", "b1", "b2"):
        if not isinstance(config[field], jax.Array) and not 0 <= config[field] < 1:
            raise UserError(f"optimizer.{field} must lie in [0, 1), got {config[field]}")
    if not isinstance(config.layer_decay, jax.Array) and not 0 < config.layer_decay <= 1:
        raise UserError(f"optimizer.layer_decay must lie in (0, 1], got {config.layer_decay}")
    clips = not is_off("optimizer.clip_norm", config.clip_norm)
    clip = optax.clip_by_global_norm(config.clip_norm) if clips else optax.identity()
    optimizer = optax.chain(clip, resolve(OPTIMIZERS, config.name, "optimizer")(config=config, rate=rate))
    if not is_off("optimizer.layer_decay", config.layer_decay):
        optimizer = optax.chain(optimizer, _scale_by_block(config.layer_decay, blocks))
    if config.groups:
        groups = make_groups(config)
        own = (group.transformation(steps_per_epoch) for group in groups)
        optimizer = optax.chain(must_name(FIELD, [group.of for group in groups]), optimizer, *own)
    if tuple(config.trainable) != ("*",):
        optimizer = optax.chain(
            must_name("optimizer.trainable", config.trainable), _of_some(optimizer, config.trainable)
        )
    return optimizer


def _of_some(optimizer: optax.GradientTransformation, trainable: Sequence[str]) -> optax.GradientTransformation:
    """Returns the optimizer of the parameters that wildcards name; all others stay as they are."""

    def labels(params: Any) -> Any:
        return jax.tree.map(lambda trained: "trained" if trained else "frozen", named(trainable, params))

    return optax.partition({"trained": optimizer, "frozen": optax.set_to_zero()}, labels)


def _scale_by_block(decay: float, blocks: Sequence[str]) -> optax.GradientTransformation:
    depth = {block: place for place, block in enumerate(blocks)}

    def scale(path: tuple[Any, ...], update: Any) -> Any:
        return update * decay ** (len(blocks) - 1 - depth.get(path[0].key, 0))

    return optax.stateless(lambda updates, _: jax.tree_util.tree_map_with_path(scale, updates))


def _sgd(config: ConfigDict, rate: Schedule) -> optax.GradientTransformation:
    """SGD with momentum; the decay is part of the gradient (He et al. 2015, section 3.4)."""
    momentum = None if is_off("optimizer.momentum", config.momentum) else config.momentum
    return optax.chain(weight_decay(config), optax.sgd(rate, momentum=momentum, nesterov=config.nesterov))


def _adam(config: ConfigDict, rate: Schedule) -> optax.GradientTransformation:
    """Adam with the decay as part of the gradient (Kingma & Ba 2014)."""
    return optax.chain(weight_decay(config), optax.adam(rate, b1=config.b1, b2=config.b2, eps=config.eps))


def _adamw(config: ConfigDict, rate: Schedule) -> optax.GradientTransformation:
    """Adam with decoupled decay (Loshchilov & Hutter 2017)."""
    return optax.chain(_scale_by_adam(config), weight_decay(config), optax.scale_by_learning_rate(rate))


def _lars(config: ConfigDict, rate: Schedule) -> optax.GradientTransformation:
    """LARS (You et al. 2017); trust ratio and decay on kernels alone."""
    lars = optax.lars(rate, trust_ratio_mask=kernel_mask, momentum=config.momentum, nesterov=config.nesterov)
    return optax.chain(weight_decay(config), lars)


def _lamb(config: ConfigDict, rate: Schedule) -> optax.GradientTransformation:
    """LAMB (You et al. 2019)."""
    trust = optax.scale_by_trust_ratio()
    return optax.chain(_scale_by_adam(config), weight_decay(config), trust, optax.scale_by_learning_rate(rate))


def _scale_by_adam(config: ConfigDict) -> optax.GradientTransformation:
    return optax.scale_by_adam(b1=config.b1, b2=config.b2, eps=config.eps)


def _muon(
    config: ConfigDict,
    rate: Schedule,
    beta: float = 0.95,
    steps: int = 5,
    fixed_norm: bool = False,
    left: tuple[str, ...] = _CLASSIFIERS,
) -> optax.GradientTransformation:
    """Muon for all kernels but those `left`, such as the classifier's, and SGD for these and all else; see muon.py."""
    check_rate("optimizer muon", "beta", beta)
    check_count("optimizer muon", "steps", steps)
    check_flag("optimizer muon", "fixed_norm", fixed_norm)
    made = muon(rate, weight_decay(config), _sgd(config, rate), left, beta, steps, fixed_norm)
    return made if left == _CLASSIFIERS else optax.chain(must_name("optimizer muon: left", left), made)


OPTIMIZERS = {"sgd": _sgd, "adam": _adam, "adamw": _adamw, "lars": _lars, "lamb": _lamb, "muon": _muon}
for _optimizer in OPTIMIZERS.values():
    _optimizer.site_arguments = ("config", "rate")  # what `make_optimizer` gives; the rest is the user's


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
        "triangular": functools.partial(_triangular, config.final, steps),
    }
    chosen = resolve(own | OPTAX_SCHEDULES, config.name, "schedule")
    return chosen() if chosen.name in own else _of_optax(chosen)


def _triangular(final: Any, steps: int, rise: float = 0.25, start: float = 0.0) -> Schedule:
    """Returns a line from `start` to 1, for a share `rise` of the steps, and one from there to `final`.

    Source: Smith & Topin 2017 (1708.07120), section 3; Jordan 2024 (2404.00498), appendix A.
    """
    check_number("schedule triangular", "rise", rise, 0, 1)
    check_number("schedule triangular", "start", start, 0)
    top = int(rise * steps)
    down = optax.linear_schedule(1.0, final, max(steps - top, 1))
    return optax.join_schedules([optax.linear_schedule(start, 1.0, top), down], [top]) if top else down


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
