"""Pooling: a module `(x, train) -> x` over windows of the positions, or over the whole plane where `window` is None.

Windows may overlap (stride < window); `ceil` adds a last window where the stride leaves positions over. Sums and means
are computed in float32 at least; the result has the type of `x`.
"""

from __future__ import annotations

from deepvision.layers.pooling.base import Pool
from deepvision.layers.pooling.fixed import AvgPool, BlurPool, GaussianPool, LpPool, MaxPool, StochasticPool, SumPool
from deepvision.layers.pooling.learned import GeneralizedMeanPool, MixedPool, SubsamplingPool
from deepvision.layers.pooling.window import Window

__all__ = ["POOLINGS", "Pool", "Window"]

POOLINGS = {
    "max": MaxPool,
    "avg": AvgPool,
    "sum": SumPool,
    "gaussian": GaussianPool,
    "lp": LpPool,
    "generalized_mean": GeneralizedMeanPool,
    "mixed": MixedPool,
    "stochastic": StochasticPool,
    "blur": BlurPool,
    "subsampling": SubsamplingPool,
}
