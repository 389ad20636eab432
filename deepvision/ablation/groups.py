"""Groups of arms that one compiled program serves: they differ in numbers alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from ml_collections import config_dict

from deepvision.ablation.arms import Arm
from deepvision.ablation.merge import flatten
from deepvision.errors import UserError
from deepvision.train.numbers import NUMBERS, number_at
from deepvision.train.run_folder import to_plain


def structure(config: config_dict.ConfigDict) -> str:
    """Returns a short name of everything in a config but its numbers, its name and its seed."""
    fields = {field: value for field, value in flatten(to_plain(config)).items() if not field.startswith("ablation.")}
    for field, number in NUMBERS.items():
        value = number_at(config, field)
        if value is not None:
            fields[field] = "off" if number.apart and value == number.off else "a number"
    text = json.dumps(fields | {"name": "", "seed": ""}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def group_arms(arms: Sequence[Arm]) -> dict[str, list[Arm]]:
    """Returns the arms by their structure, in the order of the first of each."""
    groups: dict[str, list[Arm]] = {}
    for arm in arms:
        groups.setdefault(structure(arm.config), []).append(arm)
    return groups


def shard(arms: Sequence[Arm], part: str) -> list[Arm]:
    """Returns the arms of one of several hosts, "2/3" being the second of three; groups stay together where they can.

    Raises:
        UserError: that is no part.
    """
    index, slash, count = part.partition("/")
    if not slash or not index.isdigit() or not count.isdigit() or not 1 <= int(index) <= int(count):
        raise UserError(f"--shard must be like 1/3, the first of three hosts, got {part!r}")
    ordered = [arm for group in group_arms(arms).values() for arm in group]
    first, last = ((int(index) - back) * len(ordered) // int(count) for back in (1, 0))
    ours = {arm.name for arm in ordered[first:last]}
    return [arm for arm in arms if arm.name in ours]
