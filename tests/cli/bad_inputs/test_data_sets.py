"""Data sets: what is missing, misshaped, damaged or of another kind is named before a training begins."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.cli.bad_inputs.asking import assert_refused
from tests.cli.bad_inputs.conftest import ARRAYS

pytestmark = pytest.mark.usefixtures("nothing_compiles")
GRAY = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)


def refused(experiment: Path, data: Path, *changes: str, says: str) -> None:
    """Trains in a folder beside the data, which stay as they are."""
    flags = [f"--config.data.{change}" for change in changes]
    run = data.parent / "run"
    assert_refused("train", "--config", experiment, "--workdir", run, *flags, says=says, kept=data)
    assert not (run / "checkpoints").exists()


def without(name: str) -> dict[str, np.ndarray]:
    return {key: value for key, value in ARRAYS.items() if key != name}


ARRAY_SETS = {
    "no labels": (without("train_labels"), "has no array 'train_labels'"),
    "no test images": (without("test_images"), "has no array 'test_images'"),
    "nothing": ({}, "has no array"),
    "other names": ({"x": np.zeros(3)}, "has no array 'train_images'; it has x"),
    "floats": (ARRAYS | {"train_images": np.zeros((16, 8, 8), np.float32)}, "must be uint8"),
    "flat": (ARRAYS | {"train_images": np.zeros((16, 64), np.uint8)}, "must be uint8 [n, h, w]"),
    "five axes": (ARRAYS | {"train_images": np.zeros((16, 8, 8, 1, 1), np.uint8)}, "must be uint8 [n, h, w]"),
    "two channels": (ARRAYS | {"train_images": np.zeros((16, 8, 8, 2), np.uint8)}, "must have 1 or 3 channels"),
    "no pixels": (ARRAYS | {"train_images": np.zeros((16, 0, 8), np.uint8)}, "no pixel"),
    "no examples": (
        ARRAYS | {"train_images": np.zeros((0, 8, 8), np.uint8), "train_labels": np.zeros(0, int)},
        "split",
    ),
    "other sizes": (ARRAYS | {"test_images": np.zeros((8, 9, 9), np.uint8)}, "differ in shape"),
    "fewer labels": (ARRAYS | {"train_labels": np.zeros(15, int)}, "one per image"),
    "labels in planes": (ARRAYS | {"train_labels": np.zeros((16, 2), int)}, "one per image"),
    "labels with a point": (ARRAYS | {"train_labels": np.zeros(16)}, "must be integers"),
    "labels in words": (ARRAYS | {"train_labels": np.array(["cat"] * 16)}, "must be integers"),
    "a negative label": (ARRAYS | {"train_labels": np.full(16, -1)}, "has a negative label"),
    "a label beyond all": (ARRAYS | {"train_labels": np.full(16, 2**40)}, "label"),
    "one class alone": ({**ARRAYS, "train_labels": np.zeros(16, int), "test_labels": np.zeros(8, int)}, "one class"),
    "objects": (ARRAYS | {"train_labels": np.array([{}] * 16)}, "it is not a .npz file of plain arrays"),
}


@pytest.mark.parametrize("name", ARRAY_SETS)
def test_bad_arrays_are_refused(experiment: Path, tmp_path: Path, name: str):
    arrays, says = ARRAY_SETS[name]
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "set.npz", **arrays)
    refused(experiment, tmp_path / "data", f"path={tmp_path / 'data' / 'set.npz'}", says=says)


@given(share=st.floats(0, 1, exclude_max=True))
@settings(derandomize=True, deadline=None, database=None, max_examples=15)
def test_arrays_cut_short_are_refused(experiment: Path, tmp_path_factory, share: float):
    folder = tmp_path_factory.mktemp("cut")
    whole = (experiment.parent / "set.npz").read_bytes()
    (folder / "set.npz").write_bytes(whole[: int(share * len(whole))])
    refused(experiment, folder, f"path={folder / 'set.npz'}", says="it is not a .npz file of plain arrays")


SPLITS = ("", "validation", "train[", "train[:0]", "train[:99]", "train[20:]", "train[50%:50%]", "train[5:3]")
SPLITS += ("train[a:b]", "train[:200%]", "+", "train+", "train+nowhere", "train[::2]", "train]", "all[", "train[:-99]")


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("field", ["train_split", "eval_split"])
def test_a_split_that_is_not_there_is_refused(experiment: Path, tmp_path: Path, split: str, field: str):
    data = tmp_path / "data"
    shutil.copytree(experiment.parent, data)
    refused(experiment, data, f"path={data / 'set.npz'}", f"{field}={split}", says=f"split {split!r}")


def put(folder: Path, *names: str, data: bytes | None = None) -> None:
    """Writes images, or other bytes in their place."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if data is None:
            Image.fromarray(GRAY).save(folder / name)
        else:
            (folder / name).write_bytes(data)


def of_classes(folder: Path) -> None:
    put(folder, *(f"{split}/{name}/{i}.png" for split in ("train", "test") for name in "ab" for i in range(4)))


def with_masks(folder: Path) -> None:
    for split in ("train", "test"):
        put(folder, *(f"{split}/{part}/{i}.png" for part in ("image", "label") for i in range(2)))


def then(good: Callable[[Path], None], change: Callable[[Path], object]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        good(folder)
        change(folder)

    return make


def size(folder: Path, name: str, height: int, width: int, mode: str = "L") -> None:
    Image.new(mode, (width, height)).save(folder / name)


CLASSES, MASKS = "name=image_folder", "name=image_masks"
FOLDERS = {
    "empty": ((CLASSES,), lambda folder: None, "no images in"),
    "a file": ((CLASSES, "path=/dev/null"), lambda folder: None, "no such folder: /dev/null"),
    "nowhere": ((CLASSES, "path=/nowhere"), lambda folder: None, "no such folder: /nowhere"),
    "no path": ((CLASSES, "path="), lambda folder: None, "data.path must name"),
    "no classes": ((CLASSES,), lambda f: put(f, "train/1.png", "test/1.png"), "no images in"),
    "no splits": ((CLASSES,), lambda f: put(f, "a/1.png", "b/1.png"), "no images in"),
    "no test": ((CLASSES,), lambda f: put(f, "train/a/1.png", "train/b/1.png"), "'test'"),
    "one class": ((CLASSES,), lambda f: put(f, "train/a/1.png", "test/a/1.png"), "one class"),
    "an empty class": ((CLASSES,), then(of_classes, lambda f: (f / "train" / "c").mkdir()), "holds no image"),
    "text": ((CLASSES,), then(of_classes, lambda f: put(f, "train/a/0.png", data=b"a cat")), "train/a/0.png"),
    "zero bytes": ((CLASSES,), then(of_classes, lambda f: put(f, "test/b/3.png", data=b"")), "test/b/3.png"),
    "a folder": ((CLASSES,), then(of_classes, lambda f: (f / "train/a/9.png").mkdir()), "train/a/9.png"),
    "another size": ((CLASSES,), then(of_classes, lambda f: size(f, "train/a/1.png", 9, 8)), "9x8"),
    "16 bits": ((CLASSES,), then(of_classes, lambda f: size(f, "train/a/1.png", 8, 8, "I;16")), "its pixels are I;16"),
    "padded too far": ((CLASSES, "image_size=4", "fit=pad"), of_classes, "too many to be padded to 4"),
    "no masks": ((MASKS,), lambda f: put(f, "train/image/0.png", "test/image/0.png"), "no images in"),
    "a mask missing": ((MASKS,), then(with_masks, lambda f: (f / "train/label/0.png").unlink()), "stands alone"),
    "a value of no class": ((MASKS,), with_masks, "neither in data.classes nor in data.ignore"),
    "no class at all": ((MASKS, "classes=()"), with_masks, "data.classes must list"),
    "classes beyond 255": ((MASKS, "classes=(0, 256)"), with_masks, "different integers in 0 to 255"),
    "classes in words": ((MASKS, "classes=('a', 'b')"), with_masks, "different integers in 0 to 255"),
    "a colour mask": ((MASKS,), then(with_masks, lambda f: size(f, "train/label/0.png", 8, 8, "RGB")), "are RGB"),
    "a smaller mask": ((MASKS,), then(with_masks, lambda f: size(f, "train/label/0.png", 7, 8)), "has another size"),
    "classes in code": ((MASKS, "classes=tuple(range(256))"), with_masks, "data.classes"),
    "a pair missing": (("name=image_pairs",), with_masks, "no images in"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_bad_folders_are_refused(experiment: Path, tmp_path: Path, name: str):
    changes, make, says = FOLDERS[name]
    data = tmp_path / "data"
    data.mkdir()
    make(data)
    of_masks = MASKS in changes and not any(change.startswith("classes=") for change in changes)
    more = ("classes=(0, 255)",) if of_masks else ()  # of a field that is a tuple, several flags add up
    changes = (changes[0], f"path={data}", "normalize=unit", *more, *changes[1:])
    refused(experiment, data, *changes, says=says)


NAMES = ("no_such_set", "digit", "../digits", "/etc/passwd", "cifar10:9.9.9", "emnist/nowhere", "mnist corrupted")
NAMES += ("a" * 500, "digits/1", "digits:x", "coco", "huggingface:x/y", "kaggle:x", "..", "os.path")


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:20])
def test_an_unknown_data_set_is_refused(experiment: Path, tmp_path: Path, name: str):
    data = tmp_path / "data"
    data.mkdir()
    refused(experiment, data, f"name={name}", "path=", f"data_dir={data}", says=name[:20])


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_what_an_archive_unpacks_stays_in_its_folder(tmp_path: Path, kind: str):
    """Archives of data sets are unpacked by TFDS: a path that leads out of the folder is left out."""
    from tensorflow_datasets.core.download import extractor, resource

    from deepvision.data.sources.without_tensorflow import without_tensorflow

    file, source = tmp_path / f"archive.{kind}", tmp_path / "source"
    source.write_text("evil")
    names = ("../out", "/tmp/../" + str(tmp_path / "absolute"), "a/../../over", "inside/fine")
    if kind == "tar":
        with tarfile.open(file, "w") as archive:
            for name in names:
                member = archive.gettarinfo(source)
                member.name = name
                archive.addfile(member, source.open("rb"))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
    else:
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(name, "evil")
    method = {"tar": resource.ExtractMethod.TAR, "zip": resource.ExtractMethod.ZIP}[kind]
    (tmp_path / "to").mkdir()
    unpacking = extractor.get_extractor()
    with without_tensorflow(), unpacking.tqdm():
        unpacking.extract(file, method, tmp_path / "to" / "here").get()
    found = sorted(
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file() or path.is_symlink()
    )
    assert found == sorted([file.name, "source", "to/here/inside/fine"])
