"""Whether splits have examples in common, by what is written of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from deepvision.data.sources.splits import parse_split
from deepvision.errors import UserError

_NOMINAL = 1_000_000  # examples that any split is taken to have: percentages are compared, not the sizes of a data set


def check_apart(validation: str, others: Mapping[str, str]) -> None:
    """Makes sure that a validation split has no example of the others.

    Args:
        validation: `data.validation_split`.
        others: name of the field -> split.

    Raises:
        UserError: it shares examples with one of them; names it.
    """
    chosen = _examples(validation)
    for field, split in others.items():
        if any(np.any(chosen[name] & taken) for name, taken in _examples(split).items() if name in chosen):
            raise UserError(
                f"data.validation_split = {validation!r} overlaps with data.{field} = {split!r}: take it out of there"
            )


def _examples(split: str) -> dict[str, np.ndarray]:
    """Returns which examples a split takes, by the name of the split they are stored in."""
    names = {part.split("[")[0].strip() for part in split.split("+")}
    found = {name: np.zeros(_NOMINAL, bool) for name in names}
    for name, part in parse_split(split, dict.fromkeys(names, _NOMINAL), "the data set"):
        found[name][part] = True
    return found
