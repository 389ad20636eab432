"""The one engine that turns their arrays into our variables and back, following a family's `Rules`.

Kernels are theirs [outputs, inputs, kh, kw] or [outputs, inputs], ours [kh, kw, inputs, outputs] or [inputs, outputs].
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from deepvision.errors import UserError
from deepvision.interop.rules import Rules

# What a layer calls its arrays: ours -> theirs.
LEAVES = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}

Path = tuple[str, ...]  # (collection, module, ..., leaf)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One of our variables and what stands for it elsewhere.

    Attributes:
        path: of ours.
        theirs: the names of their arrays, which follow each other along the outputs.
        channels: of the flattened image in front of it, if there is one.
    """

    path: Path
    theirs: tuple[str, ...]
    channels: int | None

    @property
    def is_kernel(self) -> bool:
        return self.path[-1] == "kernel"

    def to_ours(self, arrays: list[np.ndarray]) -> np.ndarray:
        """Returns our array from theirs."""
        array = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
        if not self.is_kernel:
            return array
        if self.channels and array.ndim == 2:
            planes = array.reshape(len(array), self.channels, -1)
            array = planes.swapaxes(1, 2).reshape(array.shape)
        return array.transpose(*range(2, array.ndim), 1, 0)

    def to_theirs(self, array: np.ndarray) -> list[np.ndarray]:
        """Returns their arrays from ours; undoes `to_ours`."""
        if self.is_kernel:
            array = array.transpose(-1, -2, *range(array.ndim - 2))
            if self.channels:
                positions = array.reshape(len(array), -1, self.channels)
                array = positions.swapaxes(1, 2).reshape(array.shape)
        return np.split(array, len(self.theirs)) if len(self.theirs) > 1 else [array]


def read_into(shapes: Mapping[str, Any], arrays: Mapping[str, np.ndarray], rules: Rules, name: str) -> dict[str, Any]:
    """Returns variables of the given shapes, filled from `arrays`.

    Raises: UserError that lists what is missing, left over and misshaped.
    """
    expected = traverse_util.flatten_dict(dict(shapes))
    variables, missing, misshaped, used = {}, [], [], set()
    for path, shape in expected.items():
        entry = _entry(path, rules, name)
        absent = [theirs for theirs in entry.theirs if theirs not in arrays]
        used.update(entry.theirs)
        missing.extend(absent)
        if absent:
            continue
        array = _converted(entry, [arrays[theirs] for theirs in entry.theirs])
        if array is None or array.shape != shape.shape:
            misshaped.append(f"{entry.theirs[0]} {arrays[entry.theirs[0]].shape} for {_join(path)} {shape.shape}")
        else:
            variables[path] = array
    folds = _folds(expected, rules, name) if not (missing or misshaped) else {}
    for theirs, mean in folds.items():
        if theirs in arrays and arrays[theirs].shape == variables[mean].shape:
            variables[mean] = variables[mean] - arrays[theirs]
            used.add(theirs)
    left_over = [theirs for theirs in arrays if theirs not in used]
    _refuse(name, {"missing": sorted(missing), "left over": left_over, "misshaped": misshaped})
    return traverse_util.unflatten_dict({path: jnp.asarray(array) for path, array in variables.items()})


def write_from(variables: Mapping[str, Any], rules: Rules, name: str) -> dict[str, np.ndarray]:
    """Returns their arrays from our variables; where their convolutions own a bias that ours lack, it is zero."""
    ours = {path: np.asarray(value) for path, value in traverse_util.flatten_dict(dict(variables)).items()}
    arrays = {}
    for path, value in ours.items():
        entry = _entry(path, rules, name)
        arrays.update(zip(entry.theirs, entry.to_theirs(value), strict=True))
    if rules.biased:
        arrays.update({theirs: np.zeros_like(ours[mean]) for theirs, mean in _folds(ours, rules, name).items()})
    return arrays


def _entry(path: Path, rules: Rules, name: str) -> Entry:
    """Returns what the rules say of one of our variables."""
    module, leaf = _join(path[:-1]), path[-1]
    whole = "/".join(path[1:])
    if whole in rules.arrays:
        return Entry(path, (rules.arrays[whole],), None)
    names = _module(module, rules)
    if names is None or leaf not in LEAVES:
        raise UserError(f"weights of {name}: {_join(path)} has no other name; only the paper's layers have")
    return Entry(path, tuple(f"{theirs}.{LEAVES[leaf]}" for theirs in names), rules.flattened.get(module))


def _module(module: str, rules: Rules) -> tuple[str, ...] | None:
    """Returns the names that the first matching rule gives one of our modules."""
    for pattern, template in rules.modules.items():
        match = re.fullmatch(pattern, module)
        if match:
            templates = (template,) if isinstance(template, str) else template
            return tuple(match.expand(one) for one in templates)
    return None


def _folds(paths: Iterable[Path], rules: Rules, name: str) -> dict[str, Path]:
    """Returns, for every convolution of ours with a norm and no bias, their bias -> the path of the running mean."""
    paths = set(paths) if rules.norm_follows else set()
    folds = {}
    for path in paths:
        *unit, layer, leaf = path
        mean = ("batch_stats", *unit[1:], "norm", "mean")
        if layer in ("conv", "dense") and leaf == "kernel" and mean in paths and (*unit, layer, "bias") not in paths:
            theirs = _entry((*path[:-1], "bias"), rules, name).theirs
            folds[theirs[0]] = mean
    return folds


def _converted(entry: Entry, arrays: list[np.ndarray]) -> np.ndarray | None:
    """Returns our array, or None where theirs cannot be brought into its form."""
    try:
        return entry.to_ours(arrays)
    except ValueError:
        return None


def _refuse(name: str, lists: Mapping[str, list[str]]) -> None:
    """Raises the error that lists everything that does not fit, if anything is listed."""
    if not any(lists.values()):
        return
    parts = [f"{what}: {_some(names)}" for what, names in lists.items() if names]
    raise UserError(f"weights do not fit {name}: {'; '.join(parts)}")


def _some(names: list[str], limit: int = 8) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def _join(path: Path) -> str:
    return "/".join(path[1:])
