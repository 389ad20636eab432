"""The one engine that turns their arrays into our variables and back, following a family's `Rules`.

Kernels are theirs [outputs, inputs, kh, kw] or [outputs, inputs], ours [kh, kw, inputs, outputs] or [inputs, outputs].
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from flax import traverse_util

from deepvision.errors import UserError
from deepvision.interop.rules import Rules

# What a layer calls its arrays: ours -> theirs.
LEAVES = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}

_LARGEST = np.finfo(np.float32).max
Path = tuple[str, ...]  # (collection, module, ..., leaf)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One of our variables and what stands for it elsewhere.

    Attributes:
        path: of ours.
        theirs: the names of their arrays, which follow each other along the outputs.
        channels: of the flattened image in front of it, if there is one.
        spatial: axes of positions of theirs, where it is not as many as ours.
        transposed: their kernel is [inputs, outputs, kh, kw].
    """

    path: Path
    theirs: tuple[str, ...]
    channels: int | None = None
    spatial: int | None = None
    transposed: bool = False

    @property
    def is_kernel(self) -> bool:
        return self.path[-1] == "kernel"

    def to_ours(self, arrays: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """Returns our array, of that shape if it can have it, from theirs."""
        array = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
        if self.is_kernel:
            array = self._kernel_to_ours(array)
        without_ones = [size for size in array.shape if size > 1]
        return array.reshape(shape) if without_ones == [size for size in shape if size > 1] else array

    def _kernel_to_ours(self, array: np.ndarray) -> np.ndarray:
        if self.transposed:
            array = array.swapaxes(0, 1)
        if self.channels and array.ndim == 2:
            planes = array.reshape(len(array), self.channels, -1)
            array = planes.swapaxes(1, 2).reshape(array.shape)
        return array.transpose(*range(2, array.ndim), 1, 0)

    def to_theirs(self, array: np.ndarray) -> list[np.ndarray]:
        """Returns their arrays from ours; undoes `to_ours`."""
        if self.is_kernel:
            array = self._kernel_to_theirs(array)
        elif self.spatial:
            array = array.reshape(*array.shape, *(1,) * self.spatial)
        return np.split(array, len(self.theirs)) if len(self.theirs) > 1 else [array]

    def _kernel_to_theirs(self, array: np.ndarray) -> np.ndarray:
        array = array.transpose(-1, -2, *range(array.ndim - 2))
        if self.channels:
            positions = array.reshape(len(array), -1, self.channels)
            array = positions.swapaxes(1, 2).reshape(array.shape)
        if self.spatial is not None:
            array = array.reshape(*array.shape[:2], *(*array.shape[2:], 1, 1)[: self.spatial])
        return array.swapaxes(0, 1) if self.transposed else array


def best_rules(
    paths: Iterable[Path], arrays: Mapping[str, np.ndarray], dialects: tuple[Rules, ...], name: str
) -> Rules:
    """Returns those rules under which most of our variables find an array."""

    def found(rules: Rules) -> int:
        return sum(theirs in arrays for path in paths for theirs in _entry(path, rules, name).theirs)

    return max(dialects, key=found) if len(dialects) > 1 else dialects[0]


def read_into(
    shapes: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    rules: Rules,
    name: str,
    adapt: Callable[[Path, np.ndarray, tuple[int, ...]], np.ndarray | None],
) -> dict[Path, np.ndarray]:
    """Returns variables of the given shapes, by path, filled from `arrays`.

    `adapt(path, array, shape)` brings an array into a shape, or returns None where it cannot.

    Raises: UserError that lists what is missing, left over, misshaped and not finite.
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
        array = _converted(entry, [arrays[theirs] for theirs in entry.theirs], shape.shape)
        array = None if array is None else adapt(path, array, shape.shape)
        if array is None:
            misshaped.append(f"{entry.theirs[0]} {arrays[entry.theirs[0]].shape} for {_join(path)} {shape.shape}")
        else:
            variables[path] = array
    folds = _folds(expected, rules, name) if not (missing or misshaped) else {}
    for theirs, mean in folds.items():
        if theirs in arrays and arrays[theirs].shape == variables[mean].shape:
            variables[mean] = variables[mean] - arrays[theirs]
            used.add(theirs)
    left_over = [theirs for theirs in arrays if theirs not in used and not _is_ignored(theirs, rules)]
    broken = ["/".join(path[1:]) for path, array in variables.items() if not (np.abs(array) <= _LARGEST).all()]
    refuse(
        name, {"missing": sorted(missing), "left over": left_over, "misshaped": misshaped, "not finite numbers": broken}
    )
    return variables


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
    names = _first_match(rules.arrays, _join(path))
    if names:
        return Entry(path, names, spatial=_spatial(rules, _join(path)))
    names = _first_match(rules.modules, module)
    if not names or leaf not in LEAVES:
        raise UserError(f"weights of {name}: {_join(path)} has no other name; only the paper's layers have")
    return Entry(
        path,
        tuple(f"{theirs}{'' if theirs.endswith('_') else '.'}{LEAVES[leaf]}" for theirs in names),
        channels=rules.flattened.get(module),
        spatial=_spatial(rules, module) if leaf == "kernel" else None,
        transposed=any(re.fullmatch(pattern, module) for pattern in rules.transposed),
    )


def _spatial(rules: Rules, path: str) -> int | None:
    return next((axes for pattern, axes in rules.spatial.items() if re.fullmatch(pattern, path)), None)


def _first_match(rules: Mapping[str, str | tuple[str, ...]], path: str) -> tuple[str, ...]:
    """Returns the names that the first matching rule gives a path of ours; none where none matches."""
    for pattern, template in rules.items():
        match = re.fullmatch(pattern, path)
        if match:
            templates = (template,) if isinstance(template, str) else template
            return tuple(match.expand(one) for one in templates)
    return ()


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


def _is_ignored(theirs: str, rules: Rules) -> bool:
    return any(re.fullmatch(pattern, theirs) for pattern in rules.ignored)


def _converted(entry: Entry, arrays: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray | None:
    """Returns our array, or None where theirs cannot be brought into its form."""
    try:
        return entry.to_ours(arrays, shape)
    except ValueError:
        return None


def refuse(name: str, lists: Mapping[str, list[str]]) -> None:
    """Raises the error that lists the weights that do not fit a network, by what is wrong with them, if any do not."""
    if not any(lists.values()):
        return
    parts = [f"{what}: {_some(names)}" for what, names in lists.items() if names]
    raise UserError(f"weights do not fit {name}: {'; '.join(parts)}")


def _some(names: list[str], limit: int = 8) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def _join(path: Path) -> str:
    return "/".join(path[1:])
