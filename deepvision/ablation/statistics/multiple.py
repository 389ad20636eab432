"""Several comparisons at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float]) -> list[float]:
    """Returns the p-values [m] corrected for there being m of them, by Holm's step-down procedure.

    Sorted ascending, p'_(i) = max over k <= i of min(1, (m - k + 1) p_(k)). Calling those below alpha a difference
    makes one false call or more with probability alpha at most, however the comparisons depend on each other (and all
    with one baseline do).

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    stepped = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return corrected.tolist()
