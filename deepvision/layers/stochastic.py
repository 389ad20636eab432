"""Noise that regularizes: dropout and its kin, and what switches residual branches off.

Each draws per example, from its place in the global batch, out of the stream `dropout`. In evaluation there are two
modes: "scale", the exact one of a single pass, in which the noise is replaced by its mean; and "sample", in which it
goes on, so that the predictions of several passes are draws from an ensemble, of which `monte_carlo` takes the moments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.checks import check_count, check_number, check_one_of, check_rate
from deepvision.choices import Choice, resolve
from deepvision.errors import UserError
from deepvision.types import Array, Key, Shape


class Noise(nn.Module):
    """What they share: `(x, train) -> x`, any rank, examples first and channels last.

    Attributes:
        rate: how much noise, in [0, 1); may be an array that jax traces.
        evaluation: "scale", by the mean of the noise in one exact pass, or "sample", so that the noise goes on.
    Raises: UserError, when it is made, if an argument is outside its range.
    """

    rate: float | Array = 0.5
    evaluation: str = "scale"

    kind: ClassVar[str]  # the kind of site it may fill, "dropout" or "drop_path"
    word: ClassVar[str]  # its name in the table

    def __post_init__(self) -> None:
        self.check()
        super().__post_init__()

    def check(self) -> None:
        """Raises UserError if an argument is outside its range."""
        if not isinstance(self.rate, jax.Array):
            check_rate(self.where, "rate", self.rate)
        check_one_of(self.where, "evaluation", self.evaluation, ("scale", "sample"))

    @property
    def where(self) -> str:
        """The entry, for messages."""
        return f"{self.kind} {self.word!r}"

    def resolved(self, x: Array) -> str:
        """Returns the rate, for descriptions."""
        return "rate is traced" if isinstance(self.rate, jax.core.Tracer) else f"rate={float(self.rate):g}"

    def __call__(self, x: Array, train: bool) -> Array:
        if not train and self.evaluation == "scale":
            return self.mean(x).astype(x.dtype)
        if not self.has_rng("dropout"):
            raise UserError(f"{self.where} at {'/'.join(self.path)} draws: apply with rngs={{'dropout': key}}")
        return self.draw(x).astype(x.dtype)

    def mean(self, x: Array) -> Array:
        """Returns the mean of `draw(x)`."""
        return x

    def draw(self, x: Array) -> Array:
        """Returns `x` with its noise."""
        raise NotImplementedError

    def per_example(self, x: Array, draw: Callable[[Key], Array]) -> Array:
        """Returns what `draw` makes of each example's key, [n, ...]."""
        return jax.vmap(draw)(ops.example_keys(self.make_rng("dropout"), x.shape[0]))

    def kept(self, x: Array, shape: Shape) -> Array:
        """Returns coins [n, *shape] that fall with chance 1 - rate."""
        return self.per_example(x, lambda key: jax.random.bernoulli(key, 1.0 - self.rate, shape))


class Dropout(Noise):
    """y = x m / (1 - rate), with m = 1 by chance 1 - rate and else 0, for every value.

    Division by 1 - rate in training stands for multiplication by it in evaluation.
    Source: Srivastava et al. 2014, section 4; sampled in evaluation: Gal & Ghahramani 2016.
    """

    kind: ClassVar[str] = "dropout"
    word: ClassVar[str] = "dropout"

    def draw(self, x: Array) -> Array:
        return jnp.where(self.kept(x, self.coins(x)), x / (1 - self.rate), 0)

    def coins(self, x: Array) -> Shape:
        """Returns the shape of one example's coins."""
        return x.shape[1:]


class SpatialDropout(Dropout):
    """y = x m / (1 - rate), with m = 1 by chance 1 - rate and else 0, for every channel as a whole.

    Source: Tompson et al. 2015, section 3.2.
    """

    word: ClassVar[str] = "spatial"

    def coins(self, x: Array) -> Shape:
        return (*(1,) * (x.ndim - 2), x.shape[-1])


class GaussianDropout(Noise):
    """y = x m, with m ~ N(1, rate / (1 - rate)) for every value: the mean and variance of dropout.

    Source: Srivastava et al. 2014, section 10.
    """

    kind: ClassVar[str] = "dropout"
    word: ClassVar[str] = "gaussian"

    def draw(self, x: Array) -> Array:
        noise = self.per_example(x, lambda key: jax.random.normal(key, x.shape[1:]))
        return x * (1 + jnp.sqrt(self.rate / (1 - self.rate)) * noise)


class AlphaDropout(Noise):
    """y = a (x m + b (1 - m)) + c, m = 1 by chance 1 - rate and else 0; b = -1.7581 is what selu saturates to.

    a and c restore mean 0 and variance 1 where x has them; other means it does not keep.
    Source: Klambauer et al. 2017, "New dropout technique".
    """

    rate: float | Array = 0.1

    kind: ClassVar[str] = "dropout"
    word: ClassVar[str] = "alpha"

    def draw(self, x: Array) -> Array:
        saturation = -1.7580993408473766
        keep = 1 - self.rate
        factor = (keep + saturation**2 * keep * self.rate) ** -0.5
        dropped = jnp.where(self.kept(x, x.shape[1:]), x, saturation)
        return factor * (dropped - saturation * self.rate)


class DropBlock(Noise):
    """y = x m s, with m = 0 in squares of `size` positions, drawn per channel, and s = 1 / mean of the example's m.

    A square begins with chance rate / size^2 (h w) / ((h - size + 1) (w - size + 1)) wherever it fits in the plane.

    Attributes:
        size: side of the squares; at most the plane's.
    Source: Ghiasi et al. 2018, algorithm 1 and equation 1; the scale per example, not per batch.
    """

    rate: float | Array = 0.1
    size: int = 7

    kind: ClassVar[str] = "dropout"
    word: ClassVar[str] = "dropblock"

    def check(self) -> None:
        super().check()
        check_count(self.where, "size", self.size)

    def draw(self, x: Array) -> Array:
        lengths = x.shape[1:-1]
        sizes = tuple(min(self.size, length) for length in lengths)
        corners = tuple(length - size + 1 for length, size in zip(lengths, sizes, strict=True))
        chance = self.rate / math.prod(sizes) * math.prod(lengths) / math.prod(corners)
        shape = (*corners, x.shape[-1])
        begun = self.per_example(x, lambda key: jax.random.bernoulli(key, jnp.minimum(chance, 1), shape))
        pads = [(0, 0), *((size - 1, size - 1) for size in sizes), (0, 0)]
        dropped = lax.reduce_window(begun, False, lax.bitwise_or, (1, *sizes, 1), (1,) * x.ndim, pads)
        share = jnp.mean(~dropped, axis=tuple(range(1, x.ndim)), keepdims=True)
        return jnp.where(dropped, 0, x / jnp.maximum(share, 1 / dropped[0].size))


class DropPath(Dropout):
    """y = x m / (1 - rate), with m = 1 by chance 1 - rate and else 0, for a whole example: stochastic depth.

    Source: Huang et al. 2016, equation 2.
    """

    kind: ClassVar[str] = "drop_path"
    word: ClassVar[str] = "drop_path"

    def coins(self, x: Array) -> Shape:
        return (1,) * (x.ndim - 1)


class ShakeDrop(Noise):
    """y = (m + a - m a) x, and backward (m + b - m b), with m = 1 by chance 1 - rate and else 0, for a whole example.

    Where m = 0, a ~ Uniform(alpha) shakes the branch in the forward pass, and b ~ Uniform(beta) in the backward one.
    In evaluation it is multiplied by the mean of m + a - m a.

    Attributes:
        alpha: least and largest a.
        beta: least and largest b.
    Source: Yamada et al. 2018 (1802.02375), with a and b per image.
    """

    alpha: tuple[float, float] = (-1.0, 1.0)
    beta: tuple[float, float] = (0.0, 1.0)

    kind: ClassVar[str] = "drop_path"
    word: ClassVar[str] = "shake_drop"

    def check(self) -> None:
        super().check()
        for argument in ("alpha", "beta"):
            bounds = getattr(self, argument)
            if not isinstance(bounds, tuple) or len(bounds) != 2:
                raise UserError(f"{self.where}: {argument} must be a pair of numbers, got {bounds!r}")
            check_number(self.where, f"the lower {argument}", bounds[0], -math.inf)
            check_number(self.where, f"the upper {argument}", bounds[1], bounds[0])

    def mean(self, x: Array) -> Array:
        return x * (1 - self.rate + self.rate * sum(self.alpha) / 2)

    def draw(self, x: Array) -> Array:
        shape = (1,) * (x.ndim - 1)
        kept = self.kept(x, shape)
        forward, backward = (
            jnp.where(kept, 1, self.per_example(x, lambda key, b=bounds: jax.random.uniform(key, shape, x.dtype, *b)))
            for bounds in (self.alpha, self.beta)
        )
        return x * backward + lax.stop_gradient(x * (forward - backward))


DROPOUTS = {
    "dropout": Dropout,
    "spatial": SpatialDropout,
    "gaussian": GaussianDropout,
    "alpha": AlphaDropout,
    "dropblock": DropBlock,
}
DROP_PATHS = {
    "drop_path": DropPath,
    "shake_drop": ShakeDrop,
}


def choose(table: Mapping[str, type[Noise]], choice: Any, what: str) -> Choice:
    """Returns what is chosen from a table, as `choices.resolve` does; a rate alone is that of the table's first entry.

    Raises: UserError for an unknown name or argument, or an argument outside its range.
    """
    rate = _rate(choice)
    first = next(iter(table))
    chosen = resolve(table, choice, what) if rate is None else Choice(first, table[first], (("rate", rate),))
    chosen(parent=None)  # checks the arguments
    return chosen


def _rate(choice: Any) -> float | Array | None:
    """Returns the rate that a choice is, or None if it is a name."""
    if isinstance(choice, int | float | jax.Array):
        return choice
    try:
        return float(choice)  # "0.5", from a command line
    except (TypeError, ValueError):
        return None


def rate_of(choice: Choice) -> float | Array:
    """Returns the rate of a choice: its argument, or the entry's default."""
    return dict(choice.arguments).get("rate", choice.entry.rate)


def is_off(rate: float | Array) -> bool:
    """Tells whether a rate is known to be zero; that of a traced one cannot be."""
    return not isinstance(rate, jax.Array) and rate == 0


def monte_carlo(predict: Callable[[Key], Array], key: Key, samples: int) -> tuple[Array, Array]:
    """Returns mean and variance of a prediction over passes with different noise.

    Args:
        predict: from a key to a prediction, such as the class probabilities [n, classes] of
            `model.apply(variables, x, train=False, rngs={"dropout": key})` with dropout that samples in evaluation.
        key: from which the keys of the passes are made.
        samples: how many passes.
    Source: Gal & Ghahramani 2016, section 4, without the noise of the observations.
    """
    check_count("Monte Carlo dropout", "samples", samples)
    predictions = lax.map(predict, jax.random.split(key, samples))
    return jnp.mean(predictions, axis=0), jnp.var(predictions, axis=0)
