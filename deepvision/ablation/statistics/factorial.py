"""Several axes: how much of the spread each of them explains, and each pair of them beyond that."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Effect:
    """One line of an analysis of variance. The seeds, the residual and the total have no test."""

    name: str
    sum_of_squares: float
    df: int
    f: float | None = None
    p: float | None = None
    eta_squared: float | None = None  # share of the total sum of squares


def analysis_of_variance(values: np.ndarray, axes: Sequence[str]) -> list[Effect]:
    """Returns main effects, two-way interactions, what interactions of higher order there are, seeds, residual, total.

    Args:
        values: [levels of axis 1, ..., levels of axis k, seeds]: a balanced design, every cell with every seed.
        axes: names of the k axes.

    With y centred, SS(axes A) = N / prod(levels of A) * sum of the squares of the effect of A, which is the mean over
    all other indices minus the effects of all parts of A. A seed is a block: the luck that it brings to all arms alike
    is taken out of the residual, SS_residual = SS_total - SS_seeds - all SS. F = MS_effect / MS_residual, which
    assumes that residuals are normal and equally spread in all arms; eta^2 = SS_effect / SS_total.

    Source: Fisher 1935, "The design of experiments"; Montgomery, "Design and analysis of experiments", section 5.6
        (blocking in a factorial design).

    Raises:
        ValueError: a value is missing (not a number), or there are fewer than two seeds.
    """
    y = np.asarray(values, dtype=float)
    if not np.all(np.isfinite(y)) or y.shape[-1] < 2:
        raise ValueError("an analysis of variance needs every arm with the same two or more seeds")
    y = y - y.mean()
    total, count = float(np.sum(y**2)), len(axes)
    seeds = Effect("seeds", float(np.sum(y.mean(axis=tuple(range(count))) ** 2) * y[..., 0].size), y.shape[-1] - 1)
    treatments = [
        _of(y, axes, part) for size in range(1, count + 1) for part in itertools.combinations(range(count), size)
    ]
    shown = [effect for effect in treatments if effect.name.count("×") <= 1]
    higher = [effect for effect in treatments if effect.name.count("×") > 1]
    if higher:
        shown.append(Effect("higher orders", sum(e.sum_of_squares for e in higher), sum(e.df for e in higher)))
    df = y.size - 1 - seeds.df - sum(effect.df for effect in treatments)
    rest = max(0.0, total - seeds.sum_of_squares - sum(effect.sum_of_squares for effect in treatments))
    tested = [_tested(effect, rest, df, total) for effect in shown]
    return [*tested, seeds, Effect("residual", rest, df), Effect("total", total, y.size - 1)]


def _of(y: np.ndarray, axes: Sequence[str], part: tuple[int, ...]) -> Effect:
    """Returns the sum of squares that the axes in `part` explain together beyond what fewer of them do."""
    effect = np.zeros([size if i in part else 1 for i, size in enumerate(y.shape)])
    for size in range(len(part) + 1):
        for kept in itertools.combinations(part, size):
            others = tuple(i for i in range(y.ndim) if i not in kept)
            effect = effect + (-1) ** (len(part) - size) * y.mean(axis=others, keepdims=True)
    squares = float(np.sum(effect**2)) * y.size / effect.size
    return Effect(" × ".join(axes[i] for i in part), squares, int(np.prod([y.shape[i] - 1 for i in part])))


def _tested(effect: Effect, residual: float, df: int, total: float) -> Effect:
    eta = effect.sum_of_squares / total if total else None
    if residual <= 1e-12 * total or not effect.df:  # no spread but the arms' own: nothing to test against
        return dataclasses.replace(effect, eta_squared=eta)
    from scipy import stats  # slow to import

    f = (effect.sum_of_squares / effect.df) / (residual / df)
    return dataclasses.replace(effect, f=f, p=float(stats.f.sf(f, effect.df, df)), eta_squared=eta)
