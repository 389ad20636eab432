"""What all networks share."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import flax.linen as nn
import numpy as np

from deepvision.layers.layers import Layers
from deepvision.types import Array, Images, Shape, Transform

AUXILIARY = "auxiliary"  # the collection of what auxiliary classifiers say


class Tiling(NamedTuple):
    """What a network without padding loses at the borders, in pixels.

    Attributes:
        lost: pixels at each end of a side that have no output.
        step: a shift of the image by multiples of it shifts the outputs, and changes nothing else.
        smallest: side that has outputs; the network takes those that are multiples of the step larger.
    """

    lost: int
    step: int
    smallest: int


class Network(nn.Module):
    """A network from images to logits: `(x [n, h, w, c], train) -> [n, num_classes]`.

    An architecture implements `__call__(x, train, pyramid)` as its one compact method, and declares its paper's
    `Layers` as the default of `layers`.

    Attributes:
        num_classes: outputs, classes or the channels of a restored image; 0 returns the features in front of the last
            layer.
        layers: what stands at the sites.
        image_shape: (h, w, c) of the paper, used where none is stated; other shapes work where the design allows.
    """

    # "logits", "distances" to class codes, of which the smallest is the prediction, or a restored "image"
    outputs: ClassVar[str] = "logits"
    dense: ClassVar[bool] = False  # whether outputs are one per position, [n, h, w, num_classes], as in segmentation
    auxiliary_weight: ClassVar[float] = 0.0  # of the loss of each auxiliary classifier
    training_only: ClassVar[tuple[str, ...]] = ()  # modules of auxiliary classifiers that evaluation does without

    num_classes: int = 1000
    layers: Layers = Layers()
    image_shape: tuple[int, int, int] = (224, 224, 3)

    def auxiliary(self, name: str, classifier: Transform, x: Array) -> None:
        """Puts the outputs of an auxiliary classifier into the collection `AUXILIARY`, if that is mutable.

        Training asks for it, and adds their loss at `auxiliary_weight`; otherwise nothing is computed. Call it inside
        the compact method: it makes the classifier's parameters when the network is initialized.
        """
        if self.is_initializing():
            classifier(x)
        elif self.is_mutable_collection(AUXILIARY):
            self.put_variable(AUXILIARY, name, classifier(x))

    @property
    def tiling(self) -> Tiling | None:
        """What whole images are cut into tiles by, of a network without padding; None: they are not cut."""
        return None

    @property
    def multiple(self) -> int:
        """What the sides of images must be multiples of, in pixels; whole images are continued to such."""
        return 1

    @property
    def sample(self) -> int:
        """How many training images `fitted` looks at; 0: there is nothing to fit."""
        return 0

    def fitted(self, images: np.ndarray) -> dict[tuple[str, ...], np.ndarray]:
        """Returns variables that follow from training images, known before the first step, by path.

        Args:
            images: [n, h, w, c], `sample` of them if there are as many, normalized.
        """
        return {}

    def resized(self, path: str, value: np.ndarray, shape: Shape) -> np.ndarray | None:
        """Returns a variable, learned on images of one size, for images of another; None where there is no such thing.

        Args:
            path: of the variable, such as "positions".
            value: as learned.
            shape: that it has on the other images.
        """
        return None

    def features(self, x: Images, train: bool = False) -> list[Array]:
        """Returns the feature pyramid, finest first: the output of every stage."""
        return self(x, train, pyramid=True)
