"""`predict`: what a trained network makes of image files; which way it is shown depends on the task."""

from __future__ import annotations

from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from deepvision.cli import predict_classes, predict_pictures
from deepvision.cli.arguments import Arguments
from deepvision.cli.image_files import images_of
from deepvision.cli.run_config import read_config
from deepvision.errors import UserError

_OF_CLASSES = ("top",)
_OF_MODEL = ("classes", "normalize", "image_size")
_OF_PICTURES = ("out", "truth", "multiple", "degrade", "style", "alpha")


def run(arguments: Arguments) -> int:
    """Prints or writes what the network says; returns the exit status."""
    given = arguments.flags
    named = (given.workdir is not None, given.model is not None, arguments.config is not None)
    if sum(named) != 1 or (given.workdir is None) != (given.weights is not None):
        raise UserError(
            "name what predicts: --config and --weights, --workdir with the folder of a run, or --model and --weights"
        )
    files = images_of(arguments.words)
    if given.model is not None:
        _refuse(given, _OF_PICTURES, "--model is for classification")
        return predict_classes.show(files, predict_classes.of_model(given), given.top)
    source = Path(given.workdir or given.weights)
    config: ConfigDict = arguments.config or read_config(source)
    if config.task == "classification":
        _refuse(given, _OF_MODEL + _OF_PICTURES, "the config says all of that")
        return predict_classes.show(files, predict_classes.of_config(config, source), given.top)
    _refuse(given, _OF_MODEL + _OF_CLASSES, f"the task is {config.task}")
    return predict_pictures.run(files, config, source, given)


def _refuse(given: flags.FlagValues, names: tuple[str, ...], why: str) -> None:
    """Refuses flags that would change nothing."""
    for name in names:
        if given[name].present:
            raise UserError(f"--{name} has no meaning here: {why}")
