"""Activations. A function of the input and its arguments, or a module `(x, train) -> x` where something is learned.

Nearly all keep the shape of their input; `width` tells of the others. `gain` says by what factor the deviation of a
unit normal input must be multiplied behind the activation to be one again; initialization uses it. `PROPERTIES` says
of every entry between which bounds its derivative and its values lie, and where it saturates.
"""

from __future__ import annotations

from deepvision.layers.activations.base import Activation, Properties
from deepvision.layers.activations.catalogue import ACTIVATIONS, PROPERTIES
from deepvision.layers.activations.sites import Elementwise, gain, length_slope, make, width

__all__ = [
    "ACTIVATIONS",
    "PROPERTIES",
    "Activation",
    "Elementwise",
    "Properties",
    "gain",
    "length_slope",
    "make",
    "width",
]
