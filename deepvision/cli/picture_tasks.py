"""From image files to the examples of tasks whose outputs are pictures, and from outputs to image files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from deepvision.cli.trained import Trained
from deepvision.data.image_set import numbered, with_channels
from deepvision.data.picture_files import Picture, read_mask, read_picture, rounded, write_picture
from deepvision.errors import UserError
from deepvision.tasks.pictures import class_colours
from deepvision.tasks.restoration.bicubic import imresize
from deepvision.types import IGNORE

Planes = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Example:
    """An image as a task knows it.

    Attributes:
        whole: its planes, without the truth where that is not known.
        planes: what the network is given, one or several images, with some truth in any case.
        known: whether that is the truth.
        picture: what was read.
    """

    whole: Planes
    planes: list[Planes]
    known: bool
    picture: Picture


@dataclasses.dataclass(frozen=True)
class Restoring:
    """Of restoration.

    Attributes:
        trained: the network.
        truths: files of the whole images, by their names.
        degrade: whether the images read are whole, and to be degraded as evaluation does it.
    """

    trained: Trained
    truths: dict[str, Path]
    degrade: bool

    def read(self, file: Path) -> Example:
        """Returns the example of a file.

        Raises:
            UserError: it cannot be used; says why.
        """
        task, picture = self.trained.task, read_picture(file)
        pixels = self._with_channels(picture.pixels)
        if self.degrade:
            whole = task.on_host({"image": rounded(pixels)}, f"{file.parent.name}/{file.name}")
            return Example(whole, self._split(whole), True, picture)
        known = picture.alpha >= 128 if picture.alpha is not None else None
        given = task.given(pixels / 255, known)
        scale = self.trained.model.scale
        shape = (scale * given.shape[0], scale * given.shape[1], pixels.shape[-1])
        truth = self._truth(file, shape)
        planes = self._split({"input": given, "image": np.zeros(shape, np.float32) if truth is None else truth})
        return Example(
            {"input": given} if truth is None else {"input": given, "image": truth}, planes, truth is not None, picture
        )

    def joined(self, outputs: np.ndarray) -> np.ndarray:
        """Returns an image [h, w, c] from outputs [n, h, w, k] of its channels, or of all at once."""
        return np.moveaxis(outputs[..., 0], 0, -1) if outputs.shape[0] > 1 else outputs[0]

    def write(self, path: Path, example: Example, outputs: np.ndarray) -> None:
        """Writes the restored image, gray where the image read is, with its bits and its alpha."""
        picture, pixels = example.picture, 255 * self.joined(outputs)
        if picture.pixels.shape[-1] == 1:
            pixels = pixels.mean(axis=-1, keepdims=True)
        alpha = None if self.trained.task.evaluation.condition == "mask" else picture.alpha
        if alpha is not None and alpha.shape[:2] != pixels.shape[:2]:
            alpha = imresize(alpha, pixels.shape[0] / alpha.shape[0], pixels.shape[:2])
        write_picture(path, Picture(pixels, alpha, picture.bits))

    def _with_channels(self, pixels: np.ndarray) -> np.ndarray:
        return np.repeat(pixels, 3, axis=-1) if self.trained.channels > pixels.shape[-1] else pixels

    def _truth(self, file: Path, shape: tuple[int, ...]) -> np.ndarray | None:
        if file.stem not in self.truths:
            return None
        try:
            truth = self._with_channels(read_picture(self.truths[file.stem]).pixels)
        except UserError as error:
            raise UserError(f"its truth {self.truths[file.stem]}: {error}") from error
        if truth.shape != shape:
            found, wanted = ("x".join(map(str, sides)) for sides in (truth.shape, shape))
            raise UserError(f"its truth {self.truths[file.stem]} is {found}, what comes out {wanted}")
        return truth

    def _split(self, whole: Planes) -> list[Planes]:
        """Returns the planes as the network takes them: the channels of colour one by one if it is for gray images."""
        channels = whole["image"].shape[-1]
        if channels == self.trained.channels:
            return [whole]
        given, condition = whole["input"][..., :channels], whole["input"][..., channels:]
        return [
            {"image": whole["image"][..., c : c + 1], "input": np.concatenate([given[..., c : c + 1], condition], -1)}
            for c in range(channels)
        ]


@dataclasses.dataclass(frozen=True)
class Labelling:
    """Of segmentation.

    Attributes:
        trained: the network.
        truths: files of masks, by their names.
    """

    trained: Trained
    truths: dict[str, Path]

    def read(self, file: Path) -> Example:
        """Returns the example of a file; alpha and more than 8 bits play no part. Errors are those of `Restoring`."""
        data, picture = self.trained.data, read_picture(file)
        image = with_channels(rounded(picture.pixels), self.trained.channels, data.luma)
        mask, known = np.full((*image.shape[:2], 1), IGNORE, np.uint8), file.stem in self.truths
        if known:
            values = read_mask(self.truths[file.stem])
            mask = numbered(values, tuple(data.classes), tuple(data.ignore))[..., None]
        if mask.shape[:2] != image.shape[:2]:
            sizes = " and ".join(f"{x.shape[0]}x{x.shape[1]}" for x in (mask, image))
            raise UserError(f"its mask {self.truths[file.stem]} has another size: {sizes}")
        planes = {"image": image, "mask": mask}
        return Example(planes if known else {"image": image}, [planes], known, picture)

    def joined(self, outputs: np.ndarray) -> np.ndarray:
        """Returns the outputs [h, w, k] of the one image, [1, h, w, k]."""
        return outputs[0]

    def write(self, path: Path, example: Example, outputs: np.ndarray) -> None:
        """Writes a mask whose values are those of `data.classes`, shown in colours."""
        from PIL import Image

        values = np.array(self.trained.data.classes, np.uint8)
        colours = np.zeros((256, 3), np.uint8)
        colours[values] = class_colours()[: len(values)]
        mask = Image.fromarray(values[np.argmax(self.joined(outputs), axis=-1)])
        mask.putpalette(colours.tobytes())
        mask.save(path)


@dataclasses.dataclass(frozen=True)
class Styling:
    """Of transfer of style: whatever the image, how well its content and the style are met is known."""

    trained: Trained

    def read(self, file: Path) -> Example:
        """Returns the example of a file. Errors are those of `Restoring`."""
        picture = read_picture(file)
        image = np.broadcast_to(picture.pixels, (*picture.pixels.shape[:2], 3))
        planes = self.trained.task.on_host({"image": image}, file.name)
        return Example(planes, [planes], True, picture)

    def joined(self, outputs: np.ndarray) -> np.ndarray:
        """Returns the one image [h, w, 3]."""
        return outputs[0]

    def write(self, path: Path, example: Example, outputs: np.ndarray) -> None:
        """Writes the image in its style, in colour, with the bits and the alpha of what was read."""
        write_picture(path, dataclasses.replace(example.picture, pixels=255 * self.joined(outputs)))
