"""Writes images as ArrayRecord files, each of which is there whole or not at all."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from deepvision.data.order import order
from deepvision.data.prepare.check import undecodable
from deepvision.data.prepare.listing import Listing
from deepvision.errors import UserError

BYTES = 2**27  # of a shard, about; a killed process loses no more than one per worker
MOST = 1024  # shards of a split


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file to write.

    Attributes:
        file: its path.
        listing: of its images.
        class_names: of the data set.
        unusable: what is done about an image that cannot be decoded: "stop", or "skip" it.
    """

    file: Path
    listing: Listing
    class_names: tuple[str, ...]
    unusable: str

    @property
    def note(self) -> Path:
        """The file that says that the shard is whole, and what is in it."""
        return self.file.with_name(f"{self.file.name}.json")


def cut(listing: Listing) -> list[np.ndarray]:
    """Returns which images go into each shard; each has its share of all classes, in the order in which they lie."""
    count = int(np.clip(-(-int(listing.sizes.sum()) // BYTES), 1, min(MOST, len(listing))))
    mixed = order(0, np.arange(len(listing)), len(listing))
    return [np.sort(places) for places in np.array_split(mixed, count)]


def write_all(shards: Sequence[Shard], workers: int, done: Callable[[int], None]) -> None:
    """Writes what is missing; `done` is told how many images lie in each shard that is there.

    Raises:
        UserError: an image cannot be decoded, and "stop" was asked for; names it.
    """
    missing = [shard for shard in shards if not shard.note.exists()]
    for shard in shards:
        if shard.note.exists():
            done(len(shard.listing))
    for shard in _written(missing, workers):
        done(len(shard.listing))


def write(shard: Shard) -> None:
    """Writes one shard, and then its note."""
    from array_record.python import array_record_module

    incomplete = shard.file.with_name(f"{shard.file.name}.incomplete")
    serializer, left_out, size = _serializer(shard.class_names), [], 0
    writer = array_record_module.ArrayRecordWriter(str(incomplete), "group_size:1,uncompressed")
    for place in range(len(shard.listing)):
        data, problem = _read(shard.listing, place)
        if problem is None:
            record = _record(shard.listing, place, data)
            writer.write(serializer.serialize_example(record))
            size += len(data)
        elif shard.unusable == "stop":
            writer.close()
            raise UserError(f"cannot read {shard.listing.where(place)}: {problem}; --unusable=skip leaves such out")
        else:
            left_out.append([shard.listing.where(place), int(shard.listing.labels[place]), problem])
    writer.close()
    os.replace(incomplete, shard.file)
    unsure = shard.note.with_name(f"{shard.note.name}.incomplete")
    unsure.write_text(json.dumps({"images": len(shard.listing) - len(left_out), "bytes": size, "left_out": left_out}))
    os.replace(unsure, shard.note)


def features(class_names: Sequence[str]):
    """Returns the features of a data set, those of TFDS's ImageNet."""
    import tensorflow_datasets as tfds

    return tfds.features.FeaturesDict(
        {
            "file_name": tfds.features.Text(),
            "image": tfds.features.Image(encoding_format="jpeg"),
            "label": tfds.features.ClassLabel(names=list(class_names)),
        }
    )


def _read(listing: Listing, place: int) -> tuple[bytes, str | None]:
    """Returns the bytes of an image, and what is wrong with them, if anything is."""
    try:
        data = listing.read(place)
    except (OSError, UserError) as error:
        return b"", str(error)
    return data, undecodable(data)


def _record(listing: Listing, place: int, data: bytes) -> dict:
    name = os.path.basename(listing.names[place])
    return {"file_name": name, "image": data, "label": np.int64(listing.labels[place])}


@functools.lru_cache(maxsize=1)
def _serializer(class_names: tuple[str, ...]):
    import tensorflow_datasets as tfds

    return tfds.core.example_serializer.ExampleSerializer(features(class_names).get_serialized_info())


def _written(shards: Sequence[Shard], workers: int) -> Iterator[Shard]:
    """Writes shards, and yields each when it is there."""
    if workers <= 1 or len(shards) <= 1:
        for shard in shards:
            write(shard)
            yield shard
        return
    context = multiprocessing.get_context("spawn")
    count = min(workers, len(shards))
    with concurrent.futures.ProcessPoolExecutor(count, mp_context=context, initializer=_begin_worker) as pool:
        try:
            futures = {pool.submit(write, shard): shard for shard in shards}
            for future in concurrent.futures.as_completed(futures):
                future.result()
                yield futures[future]
        except BaseException:
            # Those that are being written are waited for: nobody else may write the same files meanwhile.
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _begin_worker() -> None:
    """A worker leaves the handling of Ctrl-C to its parent, and ends with it however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_with(parent) -> None:
    parent.join()
    os._exit(1)
