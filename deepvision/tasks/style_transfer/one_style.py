"""One style, that of one image: a network is trained for it, and gives it to any image in one pass."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from deepvision.errors import UserError
from deepvision.models.network import Network
from deepvision.tasks.style_transfer.base import Transfer, check
from deepvision.tasks.style_transfer.features import read_weights
from deepvision.tasks.style_transfer.perceptual import PerceptualLoss, grams_of
from deepvision.tasks.style_transfer.styles import read_style, style_files
from deepvision.tasks.task import Batch
from deepvision.types import Array, Images, Key, Shape

STYLE = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
CONTENT = "relu3_3"


class Content(NamedTuple):
    """The images [n, h, w, 3], in [0, 1], whose content is to be kept."""

    image: Images


@dataclasses.dataclass(frozen=True, eq=False)
class StyleTransfer(Transfer):
    """The perceptual loss between what leaves the network, the image that entered it, and the one image of a style.

    Attributes:
        perceptual: the loss.

    Source: Johnson et al. 2016 (1603.08155), section 3.2; layers of VGG-16 as in its section 4.1.
    """

    perceptual: PerceptualLoss

    @classmethod
    def configured(cls, config: ConfigDict, loss: ConfigDict, model: Network) -> StyleTransfer:
        """Makes the task from a config and what the network says of itself.

        Raises:
            UserError: the two do not fit together, or there is not one image of a style.
        """
        check(config, model, 1, "a network from images to images")
        section = config.style_transfer
        if section.alpha != 1:
            raise UserError(f"style_transfer.alpha has no meaning for task {config.task}: its network is of one style")
        files = style_files(section.image)
        if len(files) > 1:
            raise UserError(f"style_transfer.image: {section.image} holds {len(files)} images; name one of them")
        grams = _grams(str(files[0]), section.image_size, section.weights, section.network)
        return cls(
            PerceptualLoss(
                weights=read_weights(section.weights, section.network, STYLE),
                layer=CONTENT,
                grams=grams,
                content=section.content,
                style=section.style,
                smoothness=section.smoothness,
            )
        )

    def input_shape(self, image_shape: Shape) -> Shape:
        return image_shape

    def on_host(self, example: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
        return example

    def prepare(self, batch: Batch, key: Key | None, train: bool) -> tuple[Array, Content]:
        return batch["image"], Content(batch["image"])

    def parts(self, outputs: Array, targets: Content) -> dict[str, Array]:
        return self.perceptual.parts(outputs, self.perceptual.kept(targets.image))


@functools.lru_cache(maxsize=2)
def _grams(file: str, size: int | None, weights: str, network: str) -> dict[str, np.ndarray]:
    return grams_of(read_weights(weights, network, STYLE), read_style(Path(file), size), STYLE)
