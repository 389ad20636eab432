"""`stylize`: images in the style of another, found by optimising their pixels."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from deepvision.choices import resolve
from deepvision.cli import tables, workdir
from deepvision.cli.arguments import Arguments
from deepvision.cli.display import LiveDisplay, PlainDisplay, make_display
from deepvision.cli.image_files import images_of, names_of, report
from deepvision.data.images import fit
from deepvision.data.picture_files import read_picture, rounded
from deepvision.errors import UserError, unknown
from deepvision.tasks.pictures import side_by_side
from deepvision.tasks.style_transfer.features import read_weights
from deepvision.tasks.style_transfer.optimization import CONTENT, OPTIMIZERS, STYLE, optimized, parts_of
from deepvision.tasks.style_transfer.perceptual import PerceptualLoss, grams_of

_STARTS = ("content", "noise")
_POOLS = ("avg", "max")


@dataclasses.dataclass(frozen=True)
class Stylist:
    """What images are given a style with.

    Attributes:
        loss: with the style in it.
        style: the image it is of, uint8 [h, w, 3].
        flags: of the command.
    """

    loss: PerceptualLoss
    style: np.ndarray
    flags: Any

    def __call__(self, image: np.ndarray, display: LiveDisplay | PlainDisplay) -> tuple[np.ndarray, list[dict]]:
        """Returns an image uint8 [h, w, 3] in the style, and the parts of the loss at the start and of it."""
        given, content = self.flags, image / np.float32(255)
        noise = np.random.default_rng(given.seed).random(content.shape, np.float32)
        start = content if given.start == "content" else noise
        optimizer = resolve(OPTIMIZERS, given.optimizer, "optimizer")()

        def seen(step: int, loss: float) -> None:
            display.step(step, {"loss": loss}, 0.0)

        made = optimized(self.loss, content, start, optimizer, given.steps, seen)
        return rounded(255 * made), [parts_of(self.loss, content, x) for x in (start, made)]


def run(arguments: Arguments) -> int:
    """Writes every image in the style, and prints what became of the loss; returns the exit status."""
    given = arguments.flags
    files, stylist = images_of(arguments.words), _stylist(given)
    out = workdir.prepare(given.out, "predictions")
    table = Table("image", "loss at the start", "at the end", "content", "style", "smoothness")
    display, failed = make_display(tables.progress()), 0
    for file, name in zip(files, names_of(files), strict=True):
        try:
            image = _read(file, given.image_size)
            display.start(name, given.steps)
            made, (before, after) = stylist(image, display)
        except (UserError, RuntimeError) as error:  # of jax, the latter
            report(file, error)
            failed += 1
        else:
            _write(out, name, {"input": image, "style": stylist.style, "output": made})
            values = (sum(before.values()), sum(after.values()), *after.values())
            table.add_row(str(file), *(f"{value:.4g}" for value in values))
        finally:
            display.finish()
    if table.row_count:
        tables.output().print(table)
    tables.output().print(f"wrote {table.row_count} images, and a panel of each, to {out}", soft_wrap=True)
    return 2 if failed else 0


def _stylist(given: Any) -> Stylist:
    """Makes what the flags ask for; all mistakes in them come out here."""
    if given.style is None:
        raise UserError("--style is missing: name the image whose style the others are to be given")
    for flag, value, valid in (("--start", given.start, _STARTS), ("--pool", given.pool, _POOLS)):
        if value not in valid:
            raise unknown(flag, value, valid)
    if given["seed"].present and given.start != "noise":
        raise UserError("--seed has no meaning without --start noise")
    if given.steps < 1:
        raise UserError(f"--steps must be at least 1, got {given.steps}")
    if given.image_size < 0:
        raise UserError(f"--image_size must be a number of pixels, or 0, got {given.image_size}")
    for name in ("content", "style_weight", "smoothness"):
        if not 0 <= given[name].value < float("inf"):
            raise UserError(f"--{name} must be a number of 0 or more, got {given[name].value}")
    resolve(OPTIMIZERS, given.optimizer, "optimizer")()
    try:
        style = _read(Path(given.style), given.image_size)
    except UserError as error:
        raise UserError(f"--style: {given.style}: {error}") from error
    weights, average = read_weights(given.weights, given.network, (*STYLE, CONTENT), "--"), given.pool == "avg"
    grams = grams_of(weights, style, STYLE, average)
    loss = PerceptualLoss(weights, CONTENT, grams, given.content, given.style_weight, given.smoothness, average)
    return Stylist(loss, style, given)


def _read(file: Path, longest: int) -> np.ndarray:
    """Returns an image uint8 [h, w, 3], reduced so that no side is longer (0: however long)."""
    from PIL import Image

    image = Image.fromarray(fit(rounded(read_picture(file).pixels), None, 3))
    if longest:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if min(image.size) < 16:
        raise UserError(f"it is {image.height}x{image.width} pixels; VGG needs 16 along a side")
    return np.asarray(image)


def _write(out: Path, name: str, pictures: dict[str, np.ndarray]) -> None:
    from PIL import Image

    Image.fromarray(pictures["output"]).save(out / f"{name}.png")
    Image.fromarray(side_by_side(pictures)).save(out / f"{name}_panel.png")
