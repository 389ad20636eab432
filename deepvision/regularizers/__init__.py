"""Preferences about parameters: penalties in the loss, and projections after the update.

A penalty is a function `params -> scalar`, added to the mean loss of the batch. A projection is a function
`(params, step, model_state) -> params`, applied behind the optimizer's update. Both act on kernels, told by their role
and rank and never by the kind of layer; where a kernel is parameterized, they act on the learned array behind it.

A penalty is a prior. With N examples, the mean loss is -log p(data | w) / N, so that

    mean loss + penalty(w),    penalty(w) = -log p(w) / N + constant,

is least at the maximum a posteriori (MAP) estimate of w:

    l2(scale=s)     w ~ Normal(0, deviation^2)      s = 1 / (N deviation^2)
    l1(scale=s)     w ~ Laplace(0, width)           s = 1 / (N width)
    elastic         the product of the two
    group_lasso     w_f ~ exp(-||w_f|| / width), a multivariate Laplace prior for every filter

Source: MacKay 1992, "A practical Bayesian framework for backpropagation networks"; Tibshirani 1996, section 5.
"""

from __future__ import annotations

from deepvision.regularizers.penalties import REGULARIZERS, Penalty
from deepvision.regularizers.projections import PROJECTIONS, Projection

__all__ = ["PROJECTIONS", "REGULARIZERS", "Penalty", "Projection"]
