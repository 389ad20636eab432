"""What all networks share."""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn

from deepvision.layers.layers import Layers
from deepvision.types import Array, Images


class Network(nn.Module):
    """A network from images to logits: `(x [n, h, w, c], train) -> [n, num_classes]`.

    An architecture implements `__call__(x, train, pyramid)` as its one compact method, and declares its paper's
    `Layers` as the default of `layers`.

    Attributes:
        num_classes: outputs; 0 returns the features in front of the classifier.
        layers: what stands at the sites.
        image_shape: (h, w, c) of the paper, used where none is stated; other shapes work where the design allows.
    """

    outputs: ClassVar[str] = "logits"  # or "distances" to class codes, of which the smallest is the prediction

    num_classes: int = 1000
    layers: Layers = Layers()
    image_shape: tuple[int, int, int] = (224, 224, 3)

    def features(self, x: Images, train: bool = False) -> list[Array]:
        """Returns the feature pyramid, finest first: the output of every stage."""
        return self(x, train, pyramid=True)
