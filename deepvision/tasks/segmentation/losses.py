"""Losses of one image: logits [h, w, k] against the class of every pixel, int [h, w].

A pixel whose class is `IGNORE` does not count. An entry of `LOSSES` is called with (logits, labels, weight); the weight
[h, w] of the pixels is that of `borders`, or 1.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

import jax
import jax.numpy as jnp

from deepvision.checks import check_number, check_positive
from deepvision.errors import UserError
from deepvision.types import IGNORE, Array


class Loss(Protocol):
    """A function of one image."""

    def __call__(self, logits: Array, labels: Array, weight: Array) -> Array:
        """Returns a scalar."""
        ...


@dataclasses.dataclass(frozen=True)
class CrossEntropy:
    """-scale sum_x w(x) v_l(x) log p_l(x)(x) / sum_x v_l(x), v the weight of a class, w that of a pixel, l the labels.

    Attributes:
        class_weights: v, one per class; (): all 1.
        scale: of the loss.

    Source: Ronneberger et al. 2015 (1505.04597), equation 1.
    """

    class_weights: tuple[float, ...] = ()
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_positive("loss cross_entropy", "scale", self.scale)

    def __call__(self, logits: Array, labels: Array, weight: Array) -> Array:
        log_p, counts = _log_likelihood(logits, labels)
        counts = counts * _of_class(self.class_weights, logits, labels)
        return -self.scale * _mean(weight * log_p, counts)


@dataclasses.dataclass(frozen=True)
class Focal:
    """Cross-entropy times (1 - p_l)^gamma: what is right already counts less.

    Attributes:
        gamma: 0 gives the cross-entropy.
        class_weights, scale: as of the cross-entropy.

    Source: Lin et al. 2017 (1708.02002), equation 5.
    """

    gamma: float = 2.0
    class_weights: tuple[float, ...] = ()
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_number("loss focal", "gamma", self.gamma, 0)
        check_positive("loss focal", "scale", self.scale)

    def __call__(self, logits: Array, labels: Array, weight: Array) -> Array:
        log_p, counts = _log_likelihood(logits, labels)
        counts = counts * _of_class(self.class_weights, logits, labels)
        # 1 - p is kept off 0, where the gradient of a power below 1 is not finite.
        doubt = jnp.maximum(-jnp.expm1(log_p), jnp.finfo(log_p.dtype).tiny) ** self.gamma
        return -self.scale * _mean(weight * doubt * log_p, counts)


@dataclasses.dataclass(frozen=True)
class Dice:
    """1 - (2 sum_x p_c t_c + smooth) / (sum_x p_c + sum_x t_c + smooth), the mean over the classes c.

    t_c(x) is 1 where the label is c, else 0; weights of pixels do not enter.

    Source: Milletari et al. 2016 (1606.04797), section 3, without its squares; several classes as in Sudre et al. 2017
        (1707.03237), unweighted.
    """

    smooth: float = 1.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_number("loss dice", "smooth", self.smooth, 0)
        check_positive("loss dice", "scale", self.scale)

    def __call__(self, logits: Array, labels: Array, weight: Array) -> Array:
        counts = (labels != IGNORE)[..., None]
        p, truth = jnp.where(counts, jax.nn.softmax(logits), 0), jax.nn.one_hot(labels, logits.shape[-1])
        both = jnp.sum(p * truth, axis=(0, 1))
        either = jnp.sum(p, axis=(0, 1)) + jnp.sum(truth, axis=(0, 1))
        return self.scale * jnp.mean(1 - (2 * both + self.smooth) / (either + self.smooth))


@dataclasses.dataclass(frozen=True)
class LovaszSoftmax:
    """The Lovasz extension of 1 - IoU of each class that occurs in the image, their mean.

    With the errors of class c, |t_c - p_c|, sorted from the largest, e_1 >= e_2 ...: sum_i e_i (J_i - J_(i-1)), J_i
    being 1 - IoU if the first i pixels are wrong and the others right. Weights of pixels do not enter.

    Source: Berman et al. 2018 (1705.08790), equations 9 and 11, algorithm 1, per image.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_positive("loss lovasz_softmax", "scale", self.scale)

    def __call__(self, logits: Array, labels: Array, weight: Array) -> Array:
        classes, labels = logits.shape[-1], labels.reshape(-1)
        p = jax.nn.softmax(logits).reshape(-1, classes)
        truth = jax.nn.one_hot(labels, classes, dtype=p.dtype)
        errors = jnp.where((labels != IGNORE)[:, None], jnp.abs(truth - p), 0)  # those of 0 come last, and add 0
        values = jax.vmap(_lovasz, in_axes=1)(errors, truth)
        return self.scale * _mean(values, jnp.any(truth > 0, axis=0))


def _lovasz(errors: Array, truth: Array) -> Array:
    """Returns the extension for one class, of pixels [x]."""
    order = jnp.argsort(-errors)
    truth, size = truth[order], jnp.sum(truth)
    missed, invented = jnp.cumsum(truth), jnp.cumsum(1 - truth)
    jaccard = 1 - (size - missed) / (size + invented)
    return jnp.dot(errors[order], jnp.diff(jaccard, prepend=0))


def _log_likelihood(logits: Array, labels: Array) -> tuple[Array, Array]:
    """Returns the log-probability of each label, 0 where it is ignored, and whether it counts, both [h, w]."""
    counts = labels != IGNORE
    log_p = jax.nn.log_softmax(logits.astype(jnp.promote_types(logits.dtype, jnp.float32)))
    chosen = jnp.take_along_axis(log_p, jnp.where(counts, labels, 0)[..., None], axis=-1)[..., 0]
    return jnp.where(counts, chosen, 0), counts.astype(log_p.dtype)


def _of_class(weights: tuple[float, ...], logits: Array, labels: Array) -> Array | float:
    if not weights:
        return 1.0
    if len(weights) != logits.shape[-1]:
        raise UserError(f"class_weights has {len(weights)} values for {logits.shape[-1]} classes")
    return jnp.asarray(weights, logits.dtype)[jnp.minimum(labels, len(weights) - 1)]


def _mean(values: Array, counts: Array) -> Array:
    """Returns the mean of the values weighted by `counts`; 0 of none."""
    total = jnp.sum(counts)
    return jnp.sum(values * counts) / jnp.where(total > 0, total, 1)


LOSSES = {"cross_entropy": CrossEntropy, "focal": Focal, "dice": Dice, "lovasz_softmax": LovaszSoftmax}
