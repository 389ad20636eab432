"""The table of activations: name -> the function or module, and what is known of it."""

from __future__ import annotations

from math import inf

from deepvision.layers.activations import bounded, channels, rectifiers, smooth
from deepvision.layers.activations.base import Properties
from deepvision.layers.activations.learned import PReLU, RadialBasis, Swish
from deepvision.layers.activations.noisy import NoisyReLU, RReLU

_CATALOGUE = {  # name: (entry, Properties(derivative, range, saturates))
    "identity": (smooth.identity, Properties((1, 1), (-inf, inf), "none")),
    "sigmoid": (bounded.sigmoid, Properties((0, 0.25), (0, 1), "both")),
    "hard_sigmoid": (bounded.hard_sigmoid, Properties((0, 1 / 6), (0, 1), "both")),
    "stepped_sigmoid": (bounded.stepped_sigmoid, Properties((0, 0.98715), (0, 10), "both")),
    "softplus": (bounded.softplus, Properties((0, 1), (0, inf), "left")),
    "logsigmoid": (bounded.logsigmoid, Properties((0, 1), (-inf, 0), "right")),
    "tanh": (bounded.tanh, Properties((0, 1), (-1, 1), "both")),
    "scaled_tanh": (bounded.scaled_tanh, Properties((0, 1.14394), (-1.7159, 1.7159), "both")),
    "hard_tanh": (bounded.hard_tanh, Properties((0, 1), (-1, 1), "both")),
    "softsign": (bounded.softsign, Properties((0, 1), (-1, 1), "both")),
    "sin": (bounded.sin, Properties((-1, 1), (-1, 1), "none")),
    "relu": (rectifiers.relu, Properties((0, 1), (0, inf), "left")),
    "relu6": (rectifiers.relu6, Properties((0, 1), (0, 6), "both")),
    "leaky_relu": (rectifiers.leaky_relu, Properties((0.01, 1), (-inf, inf), "none")),
    "prelu": (PReLU, Properties((0.25, 1), (-inf, inf), "none")),
    "rrelu": (RReLU, Properties((11 / 48, 1), (-inf, inf), "none")),
    "noisy_relu": (NoisyReLU, Properties((0, 1), (0, inf), "left")),
    "squared_relu": (rectifiers.squared_relu, Properties((0, inf), (0, inf), "left")),
    "threshold": (rectifiers.threshold, Properties((0, 1), (0, inf), "left")),
    "elu": (rectifiers.elu, Properties((0, 1), (-1, inf), "left")),
    "celu": (rectifiers.celu, Properties((0, 1), (-1, inf), "left")),
    "selu": (rectifiers.selu, Properties((0, 1.75810), (-1.75810, inf), "left")),
    "squareplus": (rectifiers.squareplus, Properties((0, 1), (0, inf), "left")),
    "softshrink": (rectifiers.softshrink, Properties((0, 1), (-inf, inf), "none")),
    "hardshrink": (rectifiers.hardshrink, Properties((0, 1), (-inf, inf), "none")),
    "tanhshrink": (rectifiers.tanhshrink, Properties((0, 1), (-inf, inf), "none")),
    "gelu": (smooth.gelu, Properties((-0.12891, 1.12891), (-0.16998, inf), "left")),
    "gelu_tanh": (smooth.gelu_tanh, Properties((-0.12900, 1.12900), (-0.17005, inf), "left")),
    "quick_gelu": (smooth.quick_gelu, Properties((-0.09984, 1.09984), (-0.16362, inf), "left")),
    "silu": (smooth.silu, Properties((-0.09984, 1.09984), (-0.27847, inf), "left")),
    "swish": (Swish, Properties((-0.09984, 1.09984), (-0.27847, inf), "left")),
    "hard_swish": (smooth.hard_swish, Properties((-0.5, 1.5), (-0.375, inf), "left")),
    "mish": (smooth.mish, Properties((-0.11253, 1.08850), (-0.30885, inf), "left")),
    "serf": (smooth.serf, Properties((-0.12697, 1.08613), (-0.34844, inf), "left")),
    "snake": (smooth.snake, Properties((0, 2), (-inf, inf), "none")),
    "exp": (smooth.exp, Properties((0, inf), (0, inf), "left")),
    "rbf": (RadialBasis, Properties((-1.56308, 0.93737), (-0.99632, 0.99632), "both")),
    "crelu": (channels.crelu, Properties((-1, 1), (0, inf), "none")),
    "maxout": (channels.maxout, Properties((0, 1), (-inf, inf), "none")),
    "glu": (channels.glu, Properties((-inf, inf), (-inf, inf), "left")),
    "geglu": (channels.geglu, Properties((-inf, inf), (-inf, inf), "left")),
    "swiglu": (channels.swiglu, Properties((-inf, inf), (-inf, inf), "left")),
    "reglu": (channels.reglu, Properties((-inf, inf), (-inf, inf), "left")),
}

ACTIVATIONS = {name: entry for name, (entry, _) in _CATALOGUE.items()}
PROPERTIES = {name: properties for name, (_, properties) in _CATALOGUE.items()}
