"""Checks of the numbers a user gives, with one message for all."""

from __future__ import annotations

import math
import os
from typing import Any

from deepvision.errors import UserError


def check_number(where: str, argument: str, value: Any, low: float = -math.inf, high: float = math.inf) -> None:
    """Raises a UserError unless `value` is a number in [low, high]; `where` names the entry it is given to."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= high:
        valid = f" in [{low:g}, {high:g}]" if high < math.inf else f", at least {low:g}" if low > -math.inf else ""
        raise UserError(f"{where}: {argument} must be a number{valid}, got {value!r}")


def check_positive(where: str, argument: str, value: Any) -> None:
    """Raises a UserError unless `value` is a number above zero."""
    check_number(where, argument, value)
    if value <= 0:
        raise UserError(f"{where}: {argument} must be a number above 0, got {value!r}")


def check_count(where: str, argument: str, value: Any, low: int = 1) -> None:
    """Raises a UserError unless `value` is a whole number of at least `low`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise UserError(f"{where}: {argument} must be a whole number, at least {low}, got {value!r}")


def check_odd(where: str, argument: str, value: Any) -> None:
    """Raises a UserError unless `value` is an odd number of at least one."""
    check_count(where, argument, value)
    if value % 2 == 0:
        raise UserError(f"{where}: {argument} must be odd, got {value!r}")


def check_flag(where: str, argument: str, value: Any) -> None:
    """Raises a UserError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise UserError(f"{where}: {argument} must be True or False, got {value!r}")


def check_one_of(where: str, argument: str, value: Any, valid: tuple[str, ...]) -> None:
    """Raises a UserError unless `value` is one of the valid words."""
    if value not in valid:
        raise UserError(f"{where}: {argument} must be one of {', '.join(valid)}, got {value!r}")


def machine_memory() -> int:
    """Returns the bytes of memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def check_room(what: str, size: int, mend: str) -> None:
    """Raises a UserError unless so many bytes fit into the memory of this machine; `mend` says what to do."""
    if size > machine_memory():
        gib = f"{size / 2**30:,.1f} GiB, of {machine_memory() / 2**30:,.1f} GiB that this machine has"
        raise UserError(f"{what} would take {gib}: {mend}")


def check_rate(where: str, argument: str, value: Any) -> None:
    """Raises a UserError unless `value` is a number in [0, 1)."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < 1:
        raise UserError(f"{where}: {argument} must be a number in [0, 1), got {value!r}")
