"""Several data sets: which rank does each arm take on average?"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Ranks:
    """Mean ranks [k] of k arms over N data sets, 1 being the best, and whether they differ more than by chance."""

    mean: tuple[float, ...]
    datasets: int
    statistic: float | None  # Friedman's chi-squared; None for two arms or one data set
    p: float | None
    critical_difference: float | None  # of two mean ranks, at 5 % over all pairs


def mean_ranks(values: Sequence[Sequence[float]], higher_is_better: bool = True) -> Ranks:
    """Ranks the values [datasets, arms] within every data set, ties sharing their mean rank, and tests the mean ranks.

    chi2_F = 12 N / (k (k + 1)) * (sum_j R_j^2 - k (k + 1)^2 / 4), corrected for ties, against chi-squared with k - 1
    degrees of freedom: an approximation that is rough below about 10 data sets and 5 arms. The critical difference is
    Nemenyi's, q_0.05 * sqrt(k (k + 1) / (6 N)), q the studentized range over sqrt(2).

    Source: Friedman 1937; Demsar 2006, "Statistical comparisons of classifiers over multiple data sets", section 3.2.2.
    """
    from scipy import stats  # slow to import

    table = np.asarray(values, dtype=float)
    datasets, arms = table.shape
    ranks = stats.rankdata(-table if higher_is_better else table, axis=1)
    mean = tuple(ranks.mean(axis=0).tolist())
    if datasets < 2 or arms < 3:
        return Ranks(mean, datasets, None, None, None)
    if np.all(ranks == ranks[0, 0]):
        return Ranks(mean, datasets, 0.0, 1.0, _critical_difference(arms, datasets))
    found = stats.friedmanchisquare(*table.T)
    return Ranks(mean, datasets, float(found.statistic), float(found.pvalue), _critical_difference(arms, datasets))


def _critical_difference(arms: int, datasets: int) -> float:
    from scipy import stats  # slow to import

    q = float(stats.studentized_range.ppf(0.95, arms, np.inf)) / math.sqrt(2)
    return q * math.sqrt(arms * (arms + 1) / (6 * datasets))
