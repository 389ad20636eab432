"""Splits and parts of them, in the syntax of TFDS: "train", "train[:90%]", "train[5000:]", "train+test"."""

from __future__ import annotations

from collections.abc import Mapping

from deepvision.errors import UserError


def parse_split(split: str, sizes: Mapping[str, int], what: str) -> list[tuple[str, slice]]:
    """Returns the pieces of the splits that `split` names, in order, as (name of the split, its part).

    Args:
        split: in the syntax of https://www.tensorflow.org/datasets/splits
        sizes: how many examples each split of the data set has.
        what: the data set, for messages.

    Raises:
        UserError: there is no such split, the syntax is wrong, or it selects no example.
    """
    import tensorflow_datasets as tfds  # slow to import

    infos = (tfds.core.SplitInfo(name=name, shard_lengths=[size], num_bytes=0) for name, size in sizes.items())
    try:
        pieces = tfds.core.ReadInstruction.from_spec(split).to_absolute(tfds.core.SplitDict(infos))
    except ValueError as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(f"cannot take split {split!r} of {what}: {reason}") from None
    selected = [(piece.splitname, slice(piece.from_, piece.to)) for piece in pieces]
    if not any(len(range(sizes[name])[part]) for name, part in selected):
        raise UserError(f"split {split!r} of {what} selects no example")
    return selected
