"""`predict` of tasks with pictures: images go in, images or masks come out, beside panels that show both."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict
from rich.table import Table

from deepvision.cli import tables, workdir
from deepvision.cli.display import make_display
from deepvision.cli.image_files import names_of, report, same_name
from deepvision.cli.picture_tasks import Example, Labelling, Restoring, Styling
from deepvision.cli.trained import Trained, open_trained
from deepvision.data.images import LARGEST
from deepvision.data.whole_images import padded
from deepvision.errors import UserError
from deepvision.models.overlap_tile import apply_whole
from deepvision.tasks.metrics import Metrics
from deepvision.tasks.pictures import side_by_side
from deepvision.train import metrics as metrics_lib
from deepvision.train.checkpoint import fitting


class Predictor:
    """A network with its weights, on one whole image after another; images of one size share a compiled program.

    Args:
        trained: the network.
        multiple: of pixels, to which sides are continued.
    """

    def __init__(self, trained: Trained, multiple: int) -> None:
        self._trained, self._multiple = trained, multiple
        self._compiled = jax.jit(self._step, static_argnames="known")

    def __call__(self, example: Example) -> tuple[np.ndarray, Metrics]:
        """Returns the outputs [n, h, w, k], and the metrics if the truth is known, else none."""
        batch = [padded(planes, self._multiple) for planes in example.planes]
        arrays = {name: np.stack([planes[name] for planes in batch]) for name in batch[0]}
        height, width = example.planes[0]["image"].shape[:2]
        size = np.tile(np.array([height, width], np.int32), (len(batch), 1))
        outputs, metrics = self._compiled(self._trained.variables, {**arrays, "size": size}, known=example.known)
        return np.asarray(outputs)[:, :height, :width], metrics

    def _step(self, variables: Any, batch: dict[str, jax.Array], known: bool) -> tuple[jax.Array, Metrics]:
        task, batch = self._trained.task, {**batch, "image": self._trained.normalize(batch["image"])}
        inputs, targets = task.prepare(batch, None, train=False)
        outputs = apply_whole(self._trained.model, variables, inputs, jax.random.key(0))
        return outputs, task.metrics(outputs, targets, jnp.ones(len(outputs))) if known else {}


def run(files: Sequence[Path], config: ConfigDict, source: Path, flags: Any) -> int:
    """Writes what the network makes of every image, and prints the metrics; returns the exit status."""
    reader = _reader(config, source, flags)
    predictor = Predictor(
        reader.trained, reader.trained.data.eval_multiple if flags.multiple is None else flags.multiple
    )
    out = workdir.prepare(flags.out, "predictions")
    display, measured, failed = make_display(tables.progress()), {}, 0
    display.start("predict", len(files))
    started = time.monotonic()
    for done, (file, name) in enumerate(zip(files, names_of(files), strict=True), start=1):
        try:
            example = reader.read(file)
            with fitting(source):
                outputs, measured[file] = predictor(example)
        except (UserError, RuntimeError) as error:  # of jax, the latter
            report(file, error)
            failed += 1
        else:
            reader.write(out / f"{name}.png", example, outputs)
            _write_panel(out / f"{name}_panel.png", reader, example, outputs)
        display.step(done, {}, done / (time.monotonic() - started))
    display.finish()
    _print_metrics(measured)
    tables.output().print(f"wrote {len(measured)} images, and a panel of each, to {out}", soft_wrap=True)
    return 2 if failed else 0


def _reader(config: ConfigDict, source: Path, flags: Any) -> Restoring | Labelling | Styling:
    if config.task != "restoration" and flags.degrade:
        raise UserError(f"--degrade has no meaning here: the task is {config.task}")
    styling = config.task in ("style_transfer", "arbitrary_style_transfer")
    if styling and flags.truth:
        raise UserError(f"--truth has no meaning here: the task is {config.task}")
    _give_style(config, flags)
    if flags.multiple is not None and not 1 <= flags.multiple <= LARGEST:
        raise UserError(f"--multiple must be 1 to {LARGEST:,} pixels, got {flags.multiple}")
    if flags.degrade and flags.truth:
        raise UserError("--degrade takes the images themselves for the truth: leave --truth out")
    truths = same_name(Path(flags.truth)) if flags.truth else {}
    trained = open_trained(config, source)
    if styling:
        return Styling(trained)
    return Labelling(trained, truths) if config.task == "segmentation" else Restoring(trained, truths, flags.degrade)


def _give_style(config: ConfigDict, flags: Any) -> None:
    """Brings the style of the command line into a config of arbitrary ones."""
    if config.task != "arbitrary_style_transfer":
        if flags.style is not None or flags.alpha is not None:
            raise UserError(f"--style and --alpha have no meaning here: the task is {config.task}")
        return
    section = config.style_transfer
    if flags.style is not None:
        section.image = flags.style
    if flags.alpha is not None:
        section.alpha = flags.alpha
    if not section.image or Path(section.image).is_dir():
        raise UserError("name the image of the style: --style FILE")


def _write_panel(path: Path, reader: Restoring | Labelling | Styling, example: Example, outputs: np.ndarray) -> None:
    from PIL import Image

    pictures = reader.trained.task.pictures(example.whole, reader.joined(outputs))
    Image.fromarray(side_by_side(pictures)).save(path)


def _print_metrics(measured: dict[Path, Metrics]) -> None:
    """Prints the metrics of every image, and those of all; nothing where no truth is known."""
    known = {str(file): metrics for file, metrics in measured.items() if metrics}
    if not known:
        return
    rows = {name: metrics_lib.total([metrics]) for name, metrics in known.items()}
    rows[f"all {len(known)}"] = metrics_lib.total(known.values())
    names = list(next(iter(rows.values())))
    table = Table("image")
    for name in names:
        table.add_column(name, justify="right")
    for image, values in rows.items():
        table.add_row(image, *(f"{float(values[name]):.4f}" for name in names))
    tables.output().print(table)
