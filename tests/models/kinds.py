"""Networks of one kind: they differ in sizes alone, and what holds of one but for its sizes holds of all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import deepvision as dv
from deepvision.models import PUBLISHED


def one_of_each_kind(names: Iterable[str], known_as: Callable[[str], str] = lambda name: "") -> list[str]:
    """Returns the network with the fewest multiply-accumulates of each kind.

    The sizes of the others show in their counts, and in the names and shapes of their arrays. `known_as` tells apart
    what makes no difference to the networks themselves.
    """
    smallest_last = sorted(names, key=lambda name: -PUBLISHED[name].macs)
    return sorted({(_kind(name), known_as(name)): name for name in smallest_last}.values())


def _kind(name: str) -> tuple:
    """Returns everything that makes a network but its sizes."""
    model = dv.create_model(name)
    fields = {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}
    layers = dataclasses.replace(fields.pop("layers"), dropout=0.0, drop_path=0.0)
    others = (value for field, value in fields.items() if field != "name" and not _is_size(value))
    return type(model), repr(layers), *map(repr, others)


def _is_size(value: object) -> bool:
    return isinstance(value, int | float | tuple) and not isinstance(value, bool)
