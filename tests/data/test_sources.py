"""Sources of one's own data: .npz files and image folders."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image
from tensorflow_datasets.core.folder_dataset import image_folder

from deepvision.data.sources import open_source
from deepvision.data.sources.without_tensorflow import without_tensorflow
from deepvision.errors import UserError


def labels(source) -> list[int]:
    return [source[index]["label"] for index in range(len(source))]


def images(source) -> np.ndarray:
    return np.stack([source[index]["image"] for index in range(len(source))])


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", slice(0, 50)),
        ("train[:90%]", slice(0, 45)),
        ("train[90%:]", slice(45, 50)),
        ("train[:7]", slice(0, 7)),
        ("train[-5:]", slice(45, 50)),
    ],
)
def test_npz_parts(npz, split, expected):
    source = open_source("npz", split, path=str(npz))
    stored = np.load(npz)
    assert np.array_equal(images(source), stored["train_images"][expected])
    assert labels(source) == stored["train_labels"][expected].tolist()
    assert source.info.num_classes == 4
    assert source.info.image_shape == (6, 5, 3)


def test_npz_sum_of_splits(npz):
    assert len(open_source("npz", "train[:10]+test", path=str(npz))) == 33


def test_npz_keras_layout(tmp_path):
    arrays = {"x_train": np.ones((3, 4, 4), np.uint8), "y_train": np.array([[0], [2], [1]])}
    np.savez(tmp_path / "k.npz", **arrays, x_test=np.zeros((2, 4, 4), np.uint8), y_test=np.array([[5], [0]]))
    source = open_source("npz", "train", path=str(tmp_path / "k.npz"))
    assert labels(source) == [0, 2, 1]
    assert source[0]["image"].shape == source.info.image_shape == (4, 4, 1)
    assert source.info.num_classes == 6  # over both splits


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_labels": None}, "no array 'test_labels'"),
        ({"train_images": np.zeros((50, 6, 5, 3), np.float32)}, "uint8"),
        ({"train_images": np.zeros((50, 30), np.uint8)}, "uint8"),
        ({"train_images": np.zeros((50, 6, 5, 2), np.uint8)}, "channels"),
        ({"train_labels": np.zeros(49, int)}, "one per image"),
        ({"train_labels": np.zeros(50)}, "integers"),
        ({"train_labels": np.full(50, -1)}, "negative"),
        ({"train_labels": np.array([{}] * 50)}, "plain arrays"),
    ],
)
def test_bad_npz_files_are_refused(npz, tmp_path, change, message):
    arrays = {key: value for key, value in {**np.load(npz), **change}.items() if value is not None}
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=message) as caught:
        open_source("npz", "train", path=str(path))
    assert "bad.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "split", "file", "message"),
    [
        ("npz", "train", "", "data.path must name"),
        ("npz", "train", "none.npz", "no such file"),
        ("npz", "train", "text.npz", "plain arrays"),
        ("npz", "validation", "small.npz", "'validation'"),
        ("npz", "train[", "small.npz", "split"),
        ("npz", "train[:0]", "small.npz", "no example"),
        ("npz", "train[:51]", "small.npz", "50 examples"),
        ("image_folder", "train", "", "data.path must name"),
        ("image_folder", "train", "nowhere", "no such folder"),
        ("image_folder", "train", ".", "no images"),
        ("image_folder", "validation", "animals", "'validation'"),
        ("", "train", "", "data.name is empty"),
    ],
)
def test_what_is_not_there_is_refused(npz, folder, tmp_path, name, split, file, message):
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(UserError, match=message) as caught:
        open_source(name, split, path=str(tmp_path / file) if file else "")
    assert "\n" not in str(caught.value)


def test_folder_labels_are_the_sorted_class_names(folder):
    source = open_source("image_folder", "train", path=str(folder))
    assert source.info.class_names == ("cat", "dog", "eel")
    assert source.info.image_shape == (6, 5, 3)
    assert sorted(labels(source)) == [0] * 4 + [1] * 4 + [2] * 4
    for index in range(len(source)):
        example = source[index]
        folder_name, place = source.where(index).split("/")[-2:]
        assert source.info.class_names[example["label"]] == folder_name
        expected = 40 * example["label"] + 10 * int(place[0])
        assert np.abs(example["image"].astype(int) - expected).max() <= 2  # some formats lose a little


def test_folder_order_is_that_of_tfds(tmp_path):
    for split in ("train", "val"):
        for name in ("x", "y"):
            (tmp_path / split / name).mkdir(parents=True)
            for place in range(5):
                Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / split / name / f"{place}.png")
    with without_tensorflow():
        expected, _ = image_folder._get_split_label_images(str(tmp_path))
    for split in ("train", "val"):
        source = open_source("image_folder", split, path=str(tmp_path))
        part = open_source("image_folder", f"{split}[4:]", path=str(tmp_path))
        files = [example.image_path for example in expected[split]]
        assert [source.where(index) for index in range(10)] == files
        assert [part.where(index) for index in range(6)] == files[4:]


def test_folder_ignores_what_is_no_image(folder):
    (folder / "train" / "cat" / "notes.txt").write_text("a cat")
    (folder / ".hidden" / "x").mkdir(parents=True)
    assert len(open_source("image_folder", "train", path=str(folder))) == 12


def test_a_gray_folder_has_one_channel(tmp_path):
    (tmp_path / "gray" / "train" / "a").mkdir(parents=True)
    Image.fromarray(np.zeros((3, 4), np.uint8)).save(tmp_path / "gray" / "train" / "a" / "0.png")
    source = open_source("image_folder", "train", path=str(tmp_path / "gray"))
    assert source.info.image_shape == source[0]["image"].shape == (3, 4, 1)


@pytest.mark.parametrize("name", ["npz", "image_folder"])
def test_sources_travel_to_other_processes(npz, folder, name):
    source = open_source(name, "train", path=str({"npz": npz, "image_folder": folder}[name]))
    assert np.array_equal(images(pickle.loads(pickle.dumps(source))), images(source))
