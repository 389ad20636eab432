"""Every entry of every table of layers and regularizers, with what its docstring and signature say of it."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from deepvision.choices import user_arguments
from deepvision.layers.activations import ACTIVATIONS
from deepvision.layers.attention import ATTENTIONS
from deepvision.layers.initializers import INITIALIZERS
from deepvision.layers.kernels import KERNELS
from deepvision.layers.norms import NORMS
from deepvision.layers.pooling import POOLINGS
from deepvision.layers.stochastic import DROP_PATHS, DROPOUTS
from deepvision.regularizers import PROJECTIONS, REGULARIZERS

Table = Mapping[str, Callable[..., Any]]


@dataclasses.dataclass(frozen=True)
class Section:
    """A table, and where its names go.

    Attributes:
        title: what the entries are.
        field: of the config.
        table: name -> class or function.
    """

    title: str
    field: str
    table: Table


SECTIONS = (
    Section("Normalizations of activations", "model.norm", NORMS),
    Section("Activations", "model.act", ACTIVATIONS),
    Section("Weight parameterizations", "model.kernel", KERNELS),
    Section("Attention blocks", "model.attention", ATTENTIONS),
    Section("Poolings", "model.pool, model.global_pool", POOLINGS),
    Section("Dropout", "model.dropout, model.input_dropout", DROPOUTS),
    Section("Noise on residual branches", "model.drop_path", DROP_PATHS),
    Section("Initial values of kernels", "model.init", INITIALIZERS),
    Section("Penalties", "loss.regularizers", REGULARIZERS),
    Section("Projections after the update", "loss.projections", PROJECTIONS),
)


@dataclasses.dataclass(frozen=True)
class Argument:
    """What a choice may set: `name=default`, and what it is."""

    name: str
    default: str
    meaning: str


@dataclasses.dataclass(frozen=True)
class Entry:
    """One entry of a table.

    Attributes:
        name: in the table.
        equation: the first paragraph of its docstring.
        notes: the further ones.
        arguments: in the order of the signature.
        source: paper and equation; "" if there is none.
    """

    name: str
    equation: str
    notes: tuple[str, ...]
    arguments: tuple[Argument, ...]
    source: str


def entries(table: Table) -> list[Entry]:
    """Returns the entries of a table, in its order."""
    return [_entry(name, entry) for name, entry in table.items()]


def _entry(name: str, entry: Callable[..., Any]) -> Entry:
    text, source = _split_source(inspect.cleandoc(entry.__doc__ or ""))
    paragraphs = [_joined(paragraph) for paragraph in _without_blocks(text).split("\n\n")]
    first, *others = [paragraph for paragraph in paragraphs if paragraph] or [""]
    meanings = _meanings(entry)
    parameters = inspect.signature(entry).parameters
    arguments = tuple(
        Argument(word, repr(parameters[parameter].default), meanings.get(parameter, meanings.get(word, "")))
        for word, parameter in user_arguments(entry).items()
    )
    return Entry(name, first, tuple(others), arguments, source)


_SOURCE = re.compile(
    r"[;,]?\s*\bsource:\s*(.*?)(?=\n\s*\n|\n(?:Raises|Args|Attributes):|\Z)", re.DOTALL | re.IGNORECASE
)
_NO_SOURCE = re.compile(r"[;,.]?\s*\bno source\b", re.IGNORECASE)
_BLOCK = re.compile(r"^(Attributes|Args|Raises|Returns):.*\n?(?:[ \t]+.*\n?)*", re.MULTILINE)
_MEANING = re.compile(r"^ {4}(\w[\w, ]*): (.*(?:\n {5,}.*)*)", re.MULTILINE)


def _split_source(doc: str) -> tuple[str, str]:
    """Returns a docstring without its source, and the source."""
    found = _SOURCE.search(doc)
    if found:
        return doc[: found.start()] + doc[found.end() :], _joined(found[1])
    return _NO_SOURCE.sub("", doc), ""


def states_its_source(entry: Callable[..., Any]) -> bool:
    """Tells whether the docstring of an entry names a source, or says that there is none."""
    doc = entry.__doc__ or ""
    return bool(_SOURCE.search(doc) or _NO_SOURCE.search(doc))


def _without_blocks(doc: str) -> str:
    return _BLOCK.sub("", doc)


def _meanings(entry: Callable[..., Any]) -> dict[str, str]:
    """Returns what the docstrings of an entry and its base classes say of arguments; its own goes first."""
    found: dict[str, str] = {}
    for owner in inspect.getmro(entry) if inspect.isclass(entry) else (entry,):
        for block in _BLOCK.finditer(inspect.cleandoc(owner.__doc__ or "")):
            for names, meaning in _MEANING.findall(block[0]):
                for name in names.split(", "):
                    found.setdefault(name, _joined(meaning))
    return found


def _joined(text: str) -> str:
    """Returns a paragraph as one line."""
    return " ".join(text.split())
