"""ImageNet 2012 as it comes: the two tar files of image-net.org, or a folder of JPEGs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepvision.data.prepare.archives import Member, members
from deepvision.data.prepare.listing import Listing, of_folder, of_members
from deepvision.data.sources.image_folder import subfolders
from deepvision.data.sources.imagenet import synsets, validation_synset
from deepvision.errors import UserError

NAME, VERSION = "imagenet2012", "5.1.0"  # as TFDS has it
ARCHIVES = {"train": "ILSVRC2012_img_train.tar", "validation": "ILSVRC2012_img_val.tar"}
_SPLITS = {"val": "validation"}  # as folders call them


def find(folder: Path) -> tuple[tuple[str, ...], dict[str, Listing]]:
    """Returns the names of the classes, and the listing of each split that is in a folder.

    The folder holds the archives, one of them or both, or train/n01440764/*.JPEG and val/, with classes or without.

    Raises:
        UserError: neither is there, or a name in it is none of ImageNet.
    """
    archives = {split: folder / name for split, name in ARCHIVES.items() if (folder / name).is_file()}
    if archives:
        return synsets(), {split: _FROM[split](archive) for split, archive in archives.items()}
    if not folder.is_dir() or not subfolders(folder):
        wanted = " and ".join(ARCHIVES.values())
        raise UserError(f"no ImageNet in {folder}: put {wanted} of image-net.org there, or train/ and val/ (--path)")
    names, splits = of_folder(folder)
    strange = sorted(set(names) - set(synsets()))
    if strange:
        raise UserError(f"{folder} has a class {strange[0]!r}, which is none of ImageNet's 1000, n01440764 ...")
    return synsets(), {_SPLITS.get(split, split): _renumbered(listing, names) for split, listing in splits.items()}


def manual(root: Path) -> Path:
    """Returns the folder below that of prepared data sets in which TFDS looks for what a user has downloaded."""
    return root / "downloads" / "manual"


def _renumbered(listing: Listing, names: Sequence[str]) -> Listing:
    """Returns a listing whose classes are numbered among the 1000, some of which may be missing in the folder."""
    numbers = np.array([synsets().index(name) for name in names], np.int32)
    return dataclasses.replace(listing, labels=numbers[listing.labels])


def _training(archive: Path) -> Listing:
    """Returns the listing of an archive of archives, n01440764.tar ..., one for each class."""
    numbers = {f"{name}.tar": number for number, name in enumerate(synsets())}
    found: list[Member] = []
    labels: list[int] = []
    with archive.open("rb") as file:
        for inner in list(members(file, archive, 0, archive.stat().st_size)):
            if inner.name not in numbers:
                raise UserError(f"{archive} holds {inner.name!r}; n01440764.tar and 999 more are expected")
            images = list(members(file, archive, inner.offset, inner.size))
            found += images
            labels += [numbers[inner.name]] * len(images)
    return _listing(archive, found, labels)


def _validation(archive: Path) -> Listing:
    with archive.open("rb") as file:
        found = list(members(file, archive, 0, archive.stat().st_size))
    classes = [validation_synset(member.name) for member in found]
    if None in classes:
        strange = found[classes.index(None)].name
        raise UserError(f"{archive} holds {strange!r}; ILSVRC2012_val_00000001.JPEG ... are expected")
    numbers = {name: number for number, name in enumerate(synsets())}
    return _listing(archive, found, [numbers[name] for name in classes])


_FROM = {"train": _training, "validation": _validation}


def _listing(archive: Path, found: Sequence[Member], labels: Sequence[int]) -> Listing:
    if not found:
        raise UserError(f"{archive} holds no image")
    return of_members(archive, found, labels)
