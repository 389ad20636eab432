"""Reads messages in the wire format of protocol buffers, by the numbers of their fields.

Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

Value = int | memoryview  # of fields without a length, and of those with one: bytes, texts, messages
_BYTES = {1: 8, 5: 4}  # of wire types of a fixed length


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yields the fields of a message, (number, value), in order.

    Raises:
        ValueError: it is none.
    """
    at = 0
    while at < len(message):
        key, at = _number(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _number(message, at)
            yield number, value
            continue
        if kind == 2:
            length, at = _number(message, at)
        elif kind in _BYTES:
            length = _BYTES[kind]
        else:
            raise ValueError(f"a field of the unknown wire type {kind}")
        yield number, message[at : at + length]
        at += length


def numbers(value: Value) -> tuple[int, ...]:
    """Returns the numbers of a repeated field, which come one by one or packed."""
    if isinstance(value, int):
        return (value,)
    found, at = [], 0
    while at < len(value):
        number, at = _number(value, at)
        found.append(number)
    return tuple(found)


def text(value: Value) -> str:
    """Returns the text of a field."""
    return str(value, "utf-8", "replace")


def _number(message: memoryview, at: int) -> tuple[int, int]:
    """Returns the number that begins at a place, and the place behind it."""
    result = shift = 0
    while True:
        byte = message[at]
        at += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result, at
        shift += 7
