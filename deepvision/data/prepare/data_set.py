"""Makes a data set of TFDS of images, wherever they lie: shard by shard, so that what is killed goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from deepvision.data.lock import alone
from deepvision.data.prepare.check import Found
from deepvision.data.prepare.listing import Listing
from deepvision.data.prepare.shards import Shard, cut, features, write_all
from deepvision.errors import UserError

Progress = Callable[[int, int], None]  # images done, of so many
_PLAN = "plan.json"


def make(
    folder: Path,
    class_names: tuple[str, ...],
    splits: Mapping[str, Listing],
    workers: int,
    unusable: str,
    progress: Progress,
) -> dict[str, Found]:
    """Writes data set `folder`, root/name/version, which is there when it is whole; returns what is in it.

    What an earlier call has written of the same images is kept; of others, thrown away.

    Args:
        folder: must not be there.
        class_names: of the data set.
        splits: the images of each.
        workers: processes that read, decode and write.
        unusable: what is done about an image that cannot be decoded: "stop", or "skip" it.
        progress: told how far it is.

    Raises:
        UserError: an image cannot be decoded, or the disk refuses.
    """
    work = folder.with_name(f".{folder.name}.preparing")
    try:
        with alone(folder.parents[1] / f".{folder.parent.name}.lock"):
            _begin(work, splits)
            shards = {split: _shards(work, folder.parent.name, split, listing) for split, listing in splits.items()}
            every = [Shard(*shard, class_names, unusable) for found in shards.values() for shard in found]
            _write(every, workers, progress)
            notes = {split: [_note(file) for file, _ in found] for split, found in shards.items()}
            _describe(work, folder.name, class_names, notes)
            os.replace(work, folder)
    except OSError as error:
        raise UserError(f"cannot prepare {folder}: {error}") from error
    for note in folder.glob("*.json"):
        if note.name == _PLAN or ".array_record-" in note.name:
            note.unlink()
    return {split: _found(splits[split], of, len(class_names)) for split, of in notes.items()}


def _begin(work: Path, splits: Mapping[str, Listing]) -> None:
    """Empties the working folder unless it was begun for the same images."""
    plan = {split: listing.fingerprint() for split, listing in splits.items()}
    try:
        same = json.loads((work / _PLAN).read_text()) == plan
    except (OSError, ValueError):
        same = False
    if not same:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        (work / _PLAN).write_text(json.dumps(plan))


def _shards(work: Path, name: str, split: str, listing: Listing) -> list[tuple[Path, Listing]]:
    parts = cut(listing)
    files = (work / f"{name}-{split}.array_record-{i:05d}-of-{len(parts):05d}" for i in range(len(parts)))
    return [(file, listing.only(places)) for file, places in zip(files, parts, strict=True)]


def _write(shards: list[Shard], workers: int, progress: Progress) -> None:
    total, there = sum(len(shard.listing) for shard in shards), 0
    progress(0, total)

    def done(images: int) -> None:
        nonlocal there
        there += images
        progress(there, total)

    write_all(shards, workers, done)


def _note(file: Path) -> dict:
    """Returns what is in a shard; raises a UserError unless it holds as many records as it should."""
    from array_record.python import array_record_module

    note = json.loads(file.with_name(f"{file.name}.json").read_text())
    reader = array_record_module.ArrayRecordReader(str(file))
    count = reader.num_records()
    reader.close()
    if count != note["images"]:
        raise UserError(f"{file} holds {count:,} images, not {note['images']:,}: remove its folder and begin anew")
    return note


def _describe(work: Path, version: str, class_names: tuple[str, ...], notes: Mapping[str, list[dict]]) -> None:
    """Writes what TFDS has to know."""
    import tensorflow_datasets as tfds

    infos = [
        tfds.core.SplitInfo(
            name=split,
            shard_lengths=[note["images"] for note in of],
            num_bytes=sum(note["bytes"] for note in of),
        )
        for split, of in notes.items()
    ]
    tfds.folder_dataset.write_metadata(
        data_dir=work,
        features=features(class_names),
        split_infos=infos,
        version=version,
        check_data=False,
        supervised_keys=("image", "label"),
        description="Images as they were stored, in ArrayRecord files.",
    )


def _found(listing: Listing, notes: list[dict], num_classes: int) -> Found:
    left_out = [entry for note in notes for entry in note["left_out"]]
    counts = np.bincount(listing.labels, minlength=num_classes)
    counts = counts - np.bincount([label for _, label, _ in left_out], minlength=num_classes)
    lines = tuple(f"{where}: {problem}" for where, _, problem in left_out)
    return Found(int(counts.sum()), int((counts > 0).sum()), num_classes, lines)
