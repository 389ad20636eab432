"""The neocognitron: S-cells that find features, C-cells that forgive their positions, in three stages.

Fukushima 1980, "Neocognitron: a self-organizing neural network model for a mechanism of pattern recognition unaffected
by shift in position", Biological Cybernetics 36, pages 193-202: equations 1-10, section 5.
"""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from deepvision import ops
from deepvision.layers.blocks import Head, close_stages
from deepvision.layers.conv import convolve
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Array, Images


class Stage(ConvUnit):
    """A layer of S-cells and one of C-cells: [n, h, w, c] -> [n, h', w', features].

        S   u = act(r ((1 + sum_v a_v x_v) / (1 + 2r / (1 + r) b s) - 1)),   s^2 = sum_v c_v x_v^2
        C   y = psi((1 + p) / (1 + mean of |p| over the planes) - 1),   p = pool(u),   psi(z) = z+ / (alpha + z+)

    a is the kernel, which all cells of a plane share, b one number per plane; neither is negative. c is fixed, a
    Gaussian over the kernel's window and all planes that sums to one. Shunting inhibition, in both layers, and the
    saturation psi are what defines these cells, and no sites. Sites are the S-cells' activation and the C-cells'
    pooling, in the paper half-wave rectification, to which a factor r in front is as good as one behind, and a weighted
    sum, here a mean. The paper's p is never negative; that of other choices can be, and its modulus lets no denominator
    vanish.

    Attributes:
        selectivity: the paper's r: how much like its kernel an input must be for an S-cell to answer.
        saturation: the paper's alpha.
        inhibition: of the S-cells at first, b; the paper starts at 0, where nothing would say in which sense it acts.
    Source: Fukushima 1980, equations 1-4 and 8-10.
    """

    excitatory: bool = True
    selectivity: float = 1.5
    saturation: float = 0.5
    inhibition: float = 0.1

    def _transform(self, x: Images) -> Images:
        """Returns what the S-cells rectify."""
        r = self.selectivity
        excitation = super()._transform(x)
        efficacy = self.param("inhibition", nn.initializers.constant(self.inhibition), excitation.shape[-1:])
        inhibition = jnp.abs(efficacy) * self._strength(x)
        shunted = r * ((1 + excitation) / (1 + 2 * r / (1 + r) * inhibition) - 1)
        return shunted.astype(excitation.dtype)

    def _strength(self, x: Images) -> Array:
        """Returns the weighted root mean square of the inputs of every S-cell, the paper's v: [n, h', w', 1]."""
        taps = ops.gaussian_window(self.kernel, self.kernel / 4)
        energy = jnp.mean(jnp.square(x.astype(ops.accumulation_dtype(x))), axis=-1, keepdims=True)
        window = jnp.asarray(np.outer(taps, taps)[..., None, None], energy.dtype)
        energy = convolve(energy, window, (1, 1), (self.padding, self.padding))
        return jnp.sqrt(jnp.maximum(energy, jnp.finfo(energy.dtype).tiny))

    def _pool_windows(self, x: Images) -> Images:
        """Returns the C-cells."""
        pooled = super()._pool_windows(x)
        wide = pooled.astype(ops.accumulation_dtype(pooled))
        lateral = jnp.mean(jnp.abs(wide), axis=-1, keepdims=True)
        answer = jnp.maximum((1 + wide) / (1 + lateral) - 1, 0)
        return (answer / (self.saturation + answer)).astype(pooled.dtype)


class Neocognitron(Network):
    """Three stages of S-cells and C-cells, and a classifier.

    `neocognitron` on 16x16x1: 29,722 parameters, of which 250 are the classifier's. Cells per layer, as in section 5:

        U0       US1         UC1         US2       UC2       US3       UC3
        16x16    16x16x24    10x10x24    8x8x24    6x6x24    2x2x24    1x1x24

    S-cells see 5x5 positions of all planes, C-cells 5x5 of one, in UC3 all 2x2. The paper states these sizes and no
    positions; here the windows of C-cells lie 2 apart and begin 4 outside of the plane, from which the sizes follow.
    The paper's network learns without a teacher, its answer is the one of 24 cells that is most active, and it has no
    classifier; this one has, and is trained by back-propagation.

    Attributes:
        planes: of every layer.
        selectivities: of the S-cells of the stages.
    """

    PADDINGS: ClassVar[tuple[int, int, int]] = (2, 1, 0)  # of the S-cells
    WINDOWS: ClassVar[tuple[Window, Window, Window]] = (Window(5, 2, padding=4), Window(5, 2, padding=4), Window(2))

    planes: int = 24
    selectivities: tuple[float, float, float] = (4.0, 1.5, 1.5)
    num_classes: int = 10
    layers: Layers = Layers(norm="none", act="relu", pool="gaussian", paper_init="normal")
    image_shape: tuple[int, int, int] = (16, 16, 1)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        stages = []
        for index, selectivity in enumerate(self.selectivities):
            x = L.block(Stage)(
                L,
                self.planes,
                kernel=5,
                padding=self.PADDINGS[index],
                attend=True,
                pool=self.WINDOWS[index],
                first=index == 0,
                selectivity=selectivity,
                name=f"stage{index + 1}",
            )(x)
            stages.append(x)
        stages[-1] = x = close_stages(L, x)
        return stages if pyramid else Head(L, self.num_classes, name="head")(x)


NEOCOGNITRONS = {"neocognitron": Neocognitron}
