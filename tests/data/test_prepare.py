"""Preparing data sets: of folders, of the archives of ImageNet, interrupted, broken and hostile."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest

from deepvision.cli.app import main
from deepvision.data.prepare import imagenet, shards
from deepvision.data.prepare.archives import members
from deepvision.data.prepare.data_set import make
from deepvision.data.prepare.listing import of_folder
from deepvision.data.sources import open_source
from deepvision.data.sources.imagenet import synsets, validation_synset
from deepvision.data.streaming import default_workers
from deepvision.errors import UserError
from tests.data.jpegs import encoded, jpeg, smooth

FIRST, SECOND = "n01440764", "n01443537"  # the first two of the 1000


def archive(files: dict[str, bytes], extra: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as made:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
        for member in extra:
            made.addfile(member)
    return buffer.getvalue()


IMAGES = {f"{name}_{index}.JPEG": jpeg(20 + index, 30, index) for name in (FIRST, SECOND) for index in range(4)}
VALIDATION = {f"ILSVRC2012_val_{number:08d}.JPEG": jpeg(24, 24, number) for number in (1, 2, 50_000)}


@pytest.fixture
def tars(tmp_path) -> Path:
    """The two archives of an ImageNet of eleven images."""
    folder = tmp_path / "tars"
    folder.mkdir()
    parts = {name: {file: data for file, data in IMAGES.items() if file.startswith(name)} for name in (SECOND, FIRST)}
    train = archive({f"{name}.tar": archive(files) for name, files in parts.items()})
    (folder / imagenet.ARCHIVES["train"]).write_bytes(train)
    (folder / imagenet.ARCHIVES["validation"]).write_bytes(archive(VALIDATION))
    return folder


@pytest.fixture
def jpegs(tmp_path) -> Path:
    """The same as a folder, validation side by side."""
    root = tmp_path / "jpegs"
    files = {f"train/{name[:9]}/{name}": data for name, data in IMAGES.items()}
    for name, data in (files | {f"val/{name}": data for name, data in VALIDATION.items()}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def contents(source) -> set[tuple[bytes, int]]:
    return {tuple(stored) for stored in source.stored(range(len(source)))}


def quietly(done: int, total: int) -> None:
    pass


@pytest.mark.parametrize("form", ["tars", "jpegs"])
def test_imagenet_is_prepared_from_any_form(form, request, tmp_path, capsys):
    path = request.getfixturevalue(form)
    words = ["prepare", imagenet.NAME, "--path", str(path), "--data_dir", str(tmp_path / "data")]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "8" in shown and "1,281,167" in shown and "2 of 1,000" in shown and "50,000" in shown
    train, validation = (open_source(imagenet.NAME, split, str(tmp_path / "data")) for split in ("train", "validation"))
    assert train.info.num_classes == 1000 and train.info.class_names[:2] == (FIRST, SECOND)
    assert contents(train) == {(data, int(name.startswith(SECOND))) for name, data in IMAGES.items()}
    labels = {name: synsets().index(validation_synset(name)) for name in VALIDATION}
    assert contents(validation) == {(data, labels[name]) for name, data in VALIDATION.items()}
    assert main(words) == 0  # reads it through
    assert "2 of 1,000" in capsys.readouterr().out
    assert not [file.name for file in (tmp_path / "data" / imagenet.NAME).rglob("*") if "plan" in file.name]


def test_imagenet_is_found_where_tfds_looks_for_it(tars, tmp_path, capsys):
    manual = imagenet.manual(tmp_path / "data")
    manual.parent.mkdir(parents=True)
    tars.rename(manual)
    assert len(open_source(imagenet.NAME, "train", str(tmp_path / "data"))) == 8
    assert "deepvision prepare imagenet2012" in capsys.readouterr().err


def test_the_lists_of_imagenet():
    assert len(synsets()) == 1000 and list(synsets()) == sorted(synsets()) and synsets()[0] == FIRST
    # The first three lines of the ground truth of ILSVRC 2012, by their synsets.
    found = [validation_synset(f"ILSVRC2012_val_{number:08d}.JPEG") for number in (1, 2, 3)]
    assert found == ["n01751748", "n09193705", "n02105855"]
    assert validation_synset("ILSVRC2012_val_00050001.JPEG") is None and validation_synset("cat.jpg") is None


def test_raw_validation_images_are_a_split_of_a_folder(jpegs):
    source = open_source("image_folder", "val", path=str(jpegs))
    for index, stored in enumerate(source.stored(range(3))):
        assert source.info.class_names[stored.label] == validation_synset(Path(source.where(index)).name)


def test_a_folder_becomes_a_data_set_of_its_own_name(folder, tmp_path, capsys):
    words = ["prepare", "animals", "--path", str(folder), "--data_dir", str(tmp_path / "data")]
    assert main(words) == 0
    assert "3 of 3" in capsys.readouterr().out
    for split in ("train", "test"):
        made, plain = (
            open_source("animals", split, str(tmp_path / "data")),
            open_source("image_folder", split, path=str(folder)),
        )
        assert made.info.class_names == ("cat", "dog", "eel")
        expected = {(stored.image.read_bytes(), stored.label) for stored in plain.stored(range(len(plain)))}
        assert contents(made) == expected


def test_what_is_there_is_read_through(data_dir, folder, capsys):
    assert main(["prepare", "digits", "--data_dir", str(data_dir)]) == 0
    assert "1,438" in capsys.readouterr().out
    (folder / "test" / "dog" / "1.bmp").write_bytes(b"BM")
    assert main(["prepare", "image_folder", "--path", str(folder)]) == 2
    shown = capsys.readouterr().out
    assert "dog/1.bmp: " in shown and "12" in shown
    assert main(["prepare", "image_folder", "--path", str(folder), "--unusable", "skip"]) == 0


def test_a_broken_image_stops_or_is_left_out(tars, jpegs, tmp_path, capsys):
    broken = jpegs / "train" / FIRST / f"{FIRST}_2.JPEG"
    broken.write_bytes(broken.read_bytes()[:300])
    words = ["prepare", imagenet.NAME, "--path", str(jpegs), "--data_dir", str(tmp_path / "data")]
    assert main(words) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: cannot read ") and f"{FIRST}_2.JPEG" in error and "--unusable=skip" in error
    assert not (tmp_path / "data" / imagenet.NAME / imagenet.VERSION).exists()
    assert main([*words, "--unusable", "skip"]) == 0
    assert f"{FIRST}_2.JPEG: " in capsys.readouterr().out
    assert len(open_source(imagenet.NAME, "train", str(tmp_path / "data"))) == 7


def test_shards_share_the_classes_and_hold_every_image_once(folder, monkeypatch):
    _, splits = of_folder(folder)
    monkeypatch.setattr(shards, "BYTES", int(splits["train"].sizes.sum()) // 3)
    parts = shards.cut(splits["train"])
    assert len(parts) in (3, 4)
    assert sorted(np.concatenate(parts).tolist()) == list(range(12))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_killed_goes_on(jpegs, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(shards, "BYTES", 1500)  # a shard for every image or two
    folder = tmp_path / "data" / imagenet.NAME / imagenet.VERSION
    names, splits = imagenet.find(jpegs)
    seen = []

    def stop_at_five(done: int, total: int) -> None:
        seen.append((done, total))
        if done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(folder, names, splits, workers, "stop", stop_at_five)
    assert seen[0] == (0, 11) and not folder.exists()
    work = folder.with_name(f".{folder.name}.preparing")
    kept = {file: file.stat().st_mtime_ns for file in work.glob("*.array_record-*-of-?????") if note_of(file).exists()}
    assert kept
    torn = next(iter(kept))  # a shard without its note is one that was not finished
    note_of(torn).unlink()
    torn.write_bytes(b"torn")
    found = make(folder, names, splits, 1, "stop", quietly)
    assert found["train"].images == 8 and found["validation"].images == 3
    assert all((folder / file.name).stat().st_mtime_ns == kept[file] for file in kept if file != torn)
    assert len(contents(open_source(imagenet.NAME, "train", str(tmp_path / "data")))) == 8


def note_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def test_other_images_begin_anew(jpegs, tmp_path, monkeypatch):
    folder = tmp_path / "data" / imagenet.NAME / imagenet.VERSION
    work = folder.with_name(f".{folder.name}.preparing")
    work.mkdir(parents=True)
    (work / "plan.json").write_text("{}")
    (work / "imagenet2012-train.array_record-00000-of-00001").write_bytes(b"of something else")
    found = make(folder, *imagenet.find(jpegs), 1, "stop", quietly)
    assert found["train"].images == 8


def test_workers_end_with_a_killed_parent(tmp_path):
    code = (
        "import multiprocessing, time, sys\n"
        "from deepvision.data.prepare.shards import _begin_worker\n"
        "def work(): _begin_worker(); time.sleep(100)\n"
        "if __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('fork').Process(target=work); child.start()\n"
        "    print(child.pid, flush=True); time.sleep(100)\n"
    )
    (tmp_path / "parent.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")], stdout=subprocess.PIPE, env=environment)
    child = int(parent.stdout.readline())
    time.sleep(0.5)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]:
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    raise AssertionError("the worker outlived its parent")


def test_names_in_an_archive_never_become_paths(tmp_path, tars):
    link = tarfile.TarInfo("link.JPEG")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hostile = {f"../../../{FIRST}_0.JPEG": jpeg(9, 9), "/etc/evil.JPEG": jpeg(9, 9)}
    file = tars / imagenet.ARCHIVES["train"]
    file.write_bytes(archive({f"../../{FIRST}.tar": archive(hostile, (link,))}))
    before = sorted(path for path in tmp_path.rglob("*"))
    _, splits = imagenet.find(tars)
    assert splits["train"].names.tolist() == [f"{FIRST}_0.JPEG".encode(), b"evil.JPEG"]
    assert sorted(path for path in tmp_path.rglob("*")) == before


def claiming(size: int) -> bytes:
    member = tarfile.TarInfo(f"{FIRST}.tar")
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no archive at all" * 100, "is no tar file"),
        (claiming(2**40), "ends within"),
        (archive({"cats.tar": b""}), "holds 'cats.tar'"),
        (archive({f"{FIRST}.tar": archive({})}), "holds no image"),
        (archive({f"{FIRST}.tar": archive({"a.JPEG": bytes(5000)})[:3000]}), "ends within 'a.JPEG'"),
    ],
    ids=["text", "larger than the file", "other names", "empty", "torn"],
)
def test_bad_archives_are_one_line(tars, tmp_path, capsys, data, message):
    (tars / imagenet.ARCHIVES["train"]).write_bytes(data)
    assert main(["prepare", imagenet.NAME, "--path", str(tars), "--data_dir", str(tmp_path / "data")]) == 2
    error = capsys.readouterr().err.splitlines()
    assert message in error[-1] and imagenet.ARCHIVES["train"] in error[-1]


def test_a_header_may_not_claim_all_memory(tmp_path):
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 2**33
    file = tmp_path / "a.tar"
    file.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    with file.open("rb") as stream, pytest.raises(UserError, match="is no tar file"):
        list(members(stream, file, 0, file.stat().st_size))


def test_an_image_of_too_many_bytes_is_refused(tars, monkeypatch):
    monkeypatch.setattr("deepvision.data.prepare.listing.MOST_BYTES", 100)
    with pytest.raises(UserError, match="at most 100 are read"):
        imagenet.find(tars)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["imagenet2012"], "no ImageNet in"),
        (["image_folder"], "--path is missing"),
        (["npz"], "nothing to prepare"),
        (["../../x", "--path", "."], "cannot be the name of a data set"),
        (["mnist", "--path", "."], "is a data set of TFDS"),
        (["animals", "--path", "nowhere"], "no such folder"),
        (["digits", "--unusable", "go"], "unusable"),
        (["mnits"], "nearest names are mnist"),
    ],
)
def test_what_cannot_be_prepared_is_one_line(words, message, tmp_path, capsys):
    assert main(["prepare", *words, "--data_dir", str(tmp_path / "data")]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and error.startswith("error: ") and "\n" not in error


def test_a_class_that_is_none_of_imagenet_is_named(folder, tmp_path, capsys):
    assert main(["prepare", imagenet.NAME, "--path", str(folder), "--data_dir", str(tmp_path / "data")]) == 2
    assert "has a class 'cat', which is none of ImageNet's" in capsys.readouterr().err


def test_a_gray_png_among_jpegs_is_kept_as_it_is(jpegs, tmp_path):
    odd = encoded(smooth(20, 20).convert("L"), "PNG")  # as one of the training images is
    (jpegs / "train" / FIRST / f"{FIRST}_0.JPEG").write_bytes(odd)
    make(tmp_path / imagenet.NAME / imagenet.VERSION, *imagenet.find(jpegs), 1, "stop", quietly)
    source = open_source(imagenet.NAME, "train", str(tmp_path))
    assert (odd, 0) in contents(source)
    assert all(source[index]["image"].shape[-1] == 3 for index in range(8))


def test_how_many_processes_read():
    assert {cores: default_workers(cores) for cores in (1, 8, 16, 240)} == {1: 0, 8: 0, 16: 8, 240: 32}
