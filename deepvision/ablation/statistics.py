"""Statistics over seeds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


@dataclasses.dataclass(frozen=True)
class Summary:
    """A sample of one number per seed. A single seed has no deviation and no interval: they are None."""

    n: int
    mean: float
    sd: float | None  # with n - 1 in the denominator
    low: float | None
    high: float | None

    @property
    def half_width(self) -> float | None:
        """Half the interval's length."""
        return None if self.high is None else self.high - self.mean

    def overlaps(self, other: Summary) -> bool | None:
        """Whether the two intervals have a point in common; None if either has no interval."""
        if self.low is None or other.low is None:
            return None
        return self.low <= other.high and other.low <= self.high


def summarize(values: Sequence[float], confidence: float = 0.95) -> Summary:
    """Returns mean, standard deviation and Student's t-interval of the mean.

    mean ± t_{(1 + confidence) / 2, n - 1} * sd / sqrt(n)

    The interval assumes that seeds are independent and roughly normal; near a bound (an accuracy of 100 %) it may
    reach beyond it.
    """
    n = len(values)
    mean = float(np.mean(values))
    if n == 1:
        return Summary(1, mean, None, None, None)
    sd = float(np.std(values, ddof=1))
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * sd / math.sqrt(n)
    return Summary(n, mean, sd, mean - half, mean + half)
