"""How many seeds it takes to see a difference, and which difference the seeds at hand can show."""

from __future__ import annotations

import math

MOST_SEEDS = 100_000


def power(effect: float, n: int, alpha: float = 0.05) -> float:
    """Returns the probability that a two-sided paired t-test over n pairs has p < alpha.

    1 - F(t*) + F(-t*), F the noncentral t distribution with n - 1 degrees of freedom and noncentrality
    effect * sqrt(n); t* the central quantile at 1 - alpha / 2; effect = difference / sd of the differences (d_z).

    Source: Cohen 1988, section 2.3.5 and chapter 12.
    """
    from scipy import stats  # slow to import

    df, shift = n - 1, abs(effect) * math.sqrt(n)
    critical = stats.t.ppf(1 - alpha / 2, df)
    # Far out, scipy's lower tail is not a number, though it is 0 to all digits.
    lower = float(stats.nct.cdf(-critical, df, shift)) if shift < 5 else 0.0
    upper = float(stats.nct.sf(critical, df, shift))
    return 1.0 if math.isnan(upper) else min(1.0, upper + lower)


def seeds_to_resolve(difference: float, sd: float, wanted: float = 0.8, alpha: float = 0.05) -> int | None:
    """Returns the least number of seeds at which a paired t-test finds `difference` with probability `wanted`.

    `sd` is that of the differences between equal seeds; being estimated from the seeds at hand, it makes this a rough
    figure. None if it takes more than 100,000.
    """
    if sd == 0:
        return 2
    effect = abs(difference) / sd
    if effect == 0 or power(effect, MOST_SEEDS, alpha) < wanted:
        return None
    low, high = 1, 2
    while power(effect, high, alpha) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(effect, middle, alpha) >= wanted else (middle, high)
    return high


def resolvable_difference(sd: float, n: int, wanted: float = 0.8, alpha: float = 0.05) -> float:
    """Returns the smallest difference that a paired t-test over n >= 2 pairs finds with probability `wanted`."""
    if sd == 0:
        return 0.0
    from scipy import optimize  # slow to import

    high = 1.0
    while power(high, n, alpha) < wanted:
        high *= 2
    return sd * float(optimize.brentq(lambda effect: power(effect, n, alpha) - wanted, 1e-9, high, xtol=1e-9))
