"""What a data set is prepared from: where each of its images lies, and its class."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepvision.data.images import MOST_BYTES, read_bytes
from deepvision.data.prepare.archives import Member
from deepvision.data.sources.image_folder import listed
from deepvision.errors import UserError


@dataclasses.dataclass(frozen=True)
class Listing:
    """The images of one split.

    Attributes:
        root: the folder that they lie in, or the archive.
        names: bytes [n], paths below the folder, or names in the archive.
        labels: int32 [n].
        sizes: int64 [n], in bytes.
        offsets: int64 [n], in the archive; None: in a folder.
    """

    root: Path
    names: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray
    offsets: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.names)

    def read(self, place: int) -> bytes:
        """Returns the bytes of an image."""
        if self.offsets is None:
            return read_bytes(self.root / os.fsdecode(self.names[place]))
        with self.root.open("rb") as archive:
            archive.seek(int(self.offsets[place]))
            return archive.read(int(self.sizes[place]))

    def where(self, place: int) -> str:
        """Returns what to call an image in a message."""
        name = os.fsdecode(self.names[place])
        return str(self.root / name) if self.offsets is None else f"{name} in {self.root}"

    def only(self, places: np.ndarray) -> Listing:
        """Returns the listing of some of the images."""
        offsets = None if self.offsets is None else self.offsets[places]
        return Listing(self.root, self.names[places], self.labels[places], self.sizes[places], offsets)

    def fingerprint(self) -> str:
        """Returns what differs where the images do, by their names, sizes and classes."""
        digest = hashlib.sha256(str(self.root.absolute()).encode())
        for values in (self.names, self.labels, self.sizes):
            digest.update(values.tobytes())
        return digest.hexdigest()


def of_folder(root: Path) -> tuple[tuple[str, ...], dict[str, Listing]]:
    """Returns the names of the classes and the listing of each split of a folder split/class/image."""
    names, splits = listed(root)
    listings = {}
    for split, (files, labels) in splits.items():
        sizes = np.array([(root / os.fsdecode(file)).stat().st_size for file in files.tolist()], np.int64)
        listings[split] = Listing(root, files, labels, sizes)
    return names, listings


def of_members(archive: Path, members: Sequence[Member], labels: Sequence[int]) -> Listing:
    """Returns the listing of files in an archive.

    Raises:
        UserError: one of them is too large for an image.
    """
    for member in members:
        if member.size > MOST_BYTES:
            raise UserError(f"{member.name} in {archive} has {member.size:,} bytes; at most {MOST_BYTES:,} are read")
    names = np.array([os.fsencode(member.name) for member in members])
    sizes, offsets = (np.array([member[field] for member in members], np.int64) for field in (2, 1))
    return Listing(archive, names, np.array(labels, np.int32), sizes, offsets)
