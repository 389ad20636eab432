"""The multilayer perceptron: what networks for images were before convolutions.

Rumelhart, Hinton & Williams 1986, "Learning representations by back-propagating errors".
"""

from __future__ import annotations

import flax.linen as nn

from deepvision.layers.blocks import close_stages, flatten
from deepvision.layers.layers import Layers
from deepvision.layers.units import DenseUnit
from deepvision.models.network import Network
from deepvision.types import Images


class MLP(Network):
    """Dense layers on the pixels: flatten, hidden layers with their norms, dropout, classifier.

    `mlp` on 28x28 images, with 10 classes: 669,706 parameters, 668,672 multiply-accumulates. The norm goes to every
    hidden layer; attention stands behind each. Any image size works, and decides the first layer's width.

    Attributes:
        hidden: units of the hidden layers.
    """

    hidden: tuple[int, ...] = (512, 512)
    num_classes: int = 10
    layers: Layers = Layers(norm="none", act="relu", paper_init="lecun_normal")
    image_shape: tuple[int, int, int] = (28, 28, 1)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        x = flatten(x)
        stages = []
        for index, features in enumerate(self.hidden, start=1):
            x = L.block(DenseUnit)(L, features, normalize=True, linear=index == 1, name=f"fc{index}")(x)
            x = L.attention(name=f"attention{index}")(x)
            x = L.dropout(name=f"dropout{index}")(x)
            stages.append(x)
        x = close_stages(L, x)
        if pyramid:
            return [*stages[:-1], x]
        return L.dense(self.num_classes, linear=not self.hidden, name="head")(x) if self.num_classes else x


MLPS = {
    "mlp": MLP,
}
