"""`models`: what networks there are, and what one is made of."""

from __future__ import annotations

import re

from rich.table import Table
from rich.text import Text

from deepvision.cli import layers_page, tables, workdir
from deepvision.cli.arguments import Arguments
from deepvision.errors import UserError, unknown
from deepvision.models import ALIASES, MODELS, PUBLISHED, Description, create_model, describe, list_models

_CHOICES = ("norm", "act", "kernel", "attention", "pool", "global_pool", "placement")


def run(arguments: Arguments) -> int:
    """Lists the networks that match a pattern, describes the one that is named, or writes the page of layers."""
    if arguments.flags.layers:
        folder = workdir.prepare(arguments.flags.out, "layers")
        tables.output().print(Text(f"wrote {layers_page.write(folder)} and {folder / 'layers.md'}"))
        return 0
    pattern = arguments.words[0] if arguments.words else "*"
    if pattern in MODELS or pattern in ALIASES:
        _describe(pattern, arguments)
    else:
        _list(pattern, arguments)
    return 0


def _describe(name: str, arguments: Arguments) -> None:
    flags = arguments.flags
    choices = {choice: flags[choice].value for choice in _CHOICES}
    model = create_model(name, num_classes=flags.num_classes, **choices)
    shape = model.image_shape if flags.image is None else _shape(flags.image)
    described = describe(model, shape)
    tables.output().print(_sites(described))
    tables.output().print(Text(str(described)))


def _sites(described: Description) -> Table:
    """Returns a table of the layers in the order of the computation."""
    table = Table("layer", "input", "kind", "holds", "")
    for site in described.sites:
        table.add_row(site.path, "x".join(map(str, site.shape[1:])), site.kind, site.holds, site.detail)
    return table


def _list(pattern: str, arguments: Arguments) -> None:
    changed = [f"--{name}" for name in (*_CHOICES, "image", "num_classes") if arguments.flags[name].value is not None]
    if changed:
        raise UserError(f"{', '.join(changed)} needs the name of one network")
    names = list_models(pattern)
    if not names:
        raise unknown("model", pattern, MODELS)
    table = Table("model", "image", title=f"{len(names)} networks")
    for heading in ("parameters", "MACs"):
        table.add_column(heading, justify="right")
    for heading in ("published accuracy (%)", "source"):
        table.add_column(heading)
    for name in names:
        known = PUBLISHED[name]
        image = "x".join(map(str, create_model(name).image_shape))
        table.add_row(name, image, f"{known.parameters:,}", f"{known.macs:,}", known.accuracy, known.source)
    tables.output().print(table)


def _shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+x\d+x\d+", text):
        raise UserError(f"--image is HEIGHTxWIDTHxCHANNELS, such as 224x224x3, got {text!r}")
    return tuple(map(int, text.split("x")))
