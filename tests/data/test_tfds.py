"""TFDS data sets without TensorFlow: ours, those of TFDS, prepared ones, and what cannot be had."""

from __future__ import annotations

import filecmp
import gzip
import hashlib
import io
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from sklearn.datasets import load_digits
from tensorflow_datasets.core.features import image_feature
from tensorflow_datasets.core.utils import lazy_imports_utils
from tensorflow_datasets.image_classification import mnist

from deepvision.data.sources import open_source
from deepvision.data.sources.tfds import data_root
from deepvision.data.sources.without_tensorflow import without_tensorflow
from deepvision.errors import UserError

RNG = np.random.default_rng(0)


class DataArrays(tfds.core.GeneratorBasedBuilder):
    """Yields images as arrays, which TFDS encodes with TensorFlow; its classes go by another name than "label"."""

    VERSION = tfds.core.Version("1.0.0")
    IMAGES = RNG.integers(0, 256, (7, 5, 4, 3), np.uint8)

    def _info(self):
        features = {
            "photo": tfds.features.Image(shape=(None, None, 3)),
            "mask": tfds.features.Image(shape=(5, 4, 1)),
            "kind": tfds.features.ClassLabel(names=["a", "b", "c"]),
        }
        features = tfds.features.FeaturesDict(features)
        return tfds.core.DatasetInfo(builder=self, features=features, supervised_keys=("photo", "kind"))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for index, image in enumerate(self.IMAGES):
            yield index, {"photo": image, "mask": image[..., :1], "kind": index % 3}


class DataBoxes(tfds.core.GeneratorBasedBuilder):
    """Not a data set of image classification."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {"image": tfds.features.Image(), "boxes": tfds.features.Sequence(tfds.features.BBoxFeature())}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        raise AssertionError("must be refused before anything is downloaded")

    def _generate_examples(self):
        raise AssertionError


def contents(source) -> set[tuple[bytes, int]]:
    return {(example["image"].tobytes(), example["label"]) for example in map(source.__getitem__, range(len(source)))}


@pytest.fixture
def downloads(monkeypatch, tmp_path):
    """Has TFDS find its downloads in a folder, by file name, and extract them from there."""

    def extract(self, urls):
        one = isinstance(urls, str)
        found = {key: tmp_path / url.rsplit("/", 1)[1] for key, url in ({"": urls} if one else urls).items()}
        extracted = self.extract(found)
        return extracted[""] if one else extracted

    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", extract)
    return tmp_path


def test_digits_are_the_1797_of_scikit_learn(data_dir):
    splits = [open_source("digits", split, str(data_dir)) for split in ("train", "test")]
    assert [len(split) for split in splits] == [1438, 359]
    assert [split.info.image_shape for split in splits] == [(8, 8, 1)] * 2
    bundled = load_digits()
    scaled = np.rint(bundled.images * 255 / 16).astype(np.uint8)
    assert len({image.tobytes() for image in scaled}) == 1797  # so that a set of images can stand for the split
    expected = {(image.tobytes(), int(label)) for image, label in zip(scaled, bundled.target, strict=True)}
    train, test = map(contents, splits)
    assert not train & test
    assert train | test == expected


def test_digits_are_split_alike_in_every_class(data_dir):
    train, test = (open_source("digits", split, str(data_dir)) for split in ("train", "test"))
    counts = [np.bincount([split[i]["label"] for i in range(len(split))], minlength=10) for split in (train, test)]
    # Of the 178, 182, 177, ... images of each digit, as the description of the data set counts them.
    assert sum(counts).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert counts[1].tolist() == [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]


def test_digits_prepare_twice_to_the_same_bytes(data_dir, tmp_path):
    open_source("digits", "train", str(data_dir))
    open_source("digits", "train", str(tmp_path))
    one, other = (sorted(root.glob("digits/1.0.0/*")) for root in (data_dir, tmp_path))
    assert [file.name for file in one] == [file.name for file in other]
    records = [pair for pair in zip(one, other, strict=True) if "array_record" in pair[0].name]
    assert len(records) == 2
    assert all(filecmp.cmp(*pair, shallow=False) for pair in records)


def test_two_processes_can_prepare_at_once(tmp_path):
    code = (
        "import sys, hashlib; from deepvision.data.sources import open_source\n"
        "s = open_source('digits', 'train', sys.argv[1])\n"
        "print(hashlib.sha256(b''.join(s[i]['image'].tobytes() for i in range(len(s)))).hexdigest())"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    results = [run.communicate(timeout=100) for run in runs]
    source = open_source("digits", "train", str(tmp_path))
    expected = hashlib.sha256(b"".join(source[i]["image"].tobytes() for i in range(len(source)))).hexdigest()
    assert [out.strip() for out, _ in results] == [expected] * 2, results
    assert not list(tmp_path.rglob("*incomplete*"))


def test_arrays_are_encoded_without_tensorflow(data_dir):
    source = open_source("data_arrays", "train", str(data_dir))
    assert contents(source) == {(image.tobytes(), index % 3) for index, image in enumerate(DataArrays.IMAGES)}
    assert source.info.class_names == ("a", "b", "c")
    assert source.info.image_shape == (None, None, 3)
    assert len(open_source("data_arrays", "train[:3]", str(data_dir))) == 3
    assert "tensorflow" not in sys.modules


def test_a_prepared_folder_is_enough(data_dir, monkeypatch):
    prepared = contents(open_source("data_arrays", "train", str(data_dir)))
    monkeypatch.delitem(tfds.core.registered._DATASET_REGISTRY, "data_arrays")  # as where the builder is not installed
    assert contents(open_source("data_arrays", "train", str(data_dir))) == prepared


def test_a_folder_prepared_in_another_format_is_refused(tmp_path):
    open_source("data_arrays", "train", str(tmp_path))
    info = tmp_path / "data_arrays" / "1.0.0" / "dataset_info.json"
    info.write_text(info.read_text().replace('"array_record"', '"tfrecord"'))
    with pytest.raises(UserError, match="not prepared as array_record: .*convert_format"):
        open_source("data_arrays", "train", str(tmp_path))


def test_a_source_travels_to_other_processes(data_dir):
    source = open_source("data_arrays", "train", str(data_dir))
    assert contents(pickle.loads(pickle.dumps(source))) == contents(source)


def test_mnist_of_tfds_prepares(data_dir, downloads, monkeypatch):
    images, labels = RNG.integers(0, 256, (9, 28, 28, 1), np.uint8), np.arange(9, dtype=np.uint8)
    parts = {"train": slice(0, 6), "t10k": slice(6, 9)}
    for name, part in parts.items():
        images_file = gzip.compress(bytes(16) + images[part].tobytes())
        (downloads / f"{name}-images-idx3-ubyte.gz").write_bytes(images_file)
        (downloads / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(8) + labels[part].tobytes()))
    monkeypatch.setattr(mnist, "_TRAIN_EXAMPLES", 6)
    monkeypatch.setattr(mnist, "_TEST_EXAMPLES", 3)
    for split, part in (("train", parts["train"]), ("test", parts["t10k"])):
        expected = {(image.tobytes(), int(label)) for image, label in zip(images[part], labels[part], strict=True)}
        source = open_source("mnist", split, str(data_dir))
        assert contents(source) == expected
        assert source.info.image_shape == (28, 28, 1)


def test_cifar10_of_tfds_prepares(data_dir, downloads):
    images, labels = RNG.integers(0, 256, (12, 32, 32, 3), np.uint8), RNG.integers(0, 10, 12, np.uint8)
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    files = {"batches.meta.txt": "\n".join(names).encode()}
    for batch, file in enumerate([f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]):
        planes = images[2 * batch : 2 * batch + 2].transpose(0, 3, 1, 2).reshape(2, -1)
        files[file] = np.concatenate([labels[2 * batch : 2 * batch + 2, np.newaxis], planes], axis=1).tobytes()
    with tarfile.open(downloads / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for file, data in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{file}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    for split, part in (("train", slice(0, 10)), ("test", slice(10, 12))):
        source = open_source("cifar10", split, str(data_dir))
        assert contents(source) == {(i.tobytes(), int(n)) for i, n in zip(images[part], labels[part], strict=True)}
        assert source.info.class_names == tuple(names)


def test_odd_images_are_recoded_without_tensorflow():
    # What the builder of imagenet2012 does to one PNG and to 22 CMYK images.
    ramp = Image.fromarray(np.indices((32, 32)).sum(axis=0).astype(np.uint8) * 4).convert("RGB")
    png, cmyk = io.BytesIO(), io.BytesIO()
    ramp.save(png, "PNG")
    ramp.convert("CMYK").save(cmyk, "JPEG", quality=100)
    with without_tensorflow():
        recoded = [tfds.core.utils.png_to_jpeg(png.getvalue()), tfds.core.utils.jpeg_cmyk_to_rgb(cmyk.getvalue())]
    for data in recoded:
        image = Image.open(io.BytesIO(data))
        assert (image.format, image.mode) == ("JPEG", "RGB")
        assert np.abs(np.asarray(image).astype(int) - np.asarray(ramp)).max() < 8


def test_the_stand_in_leaves_no_trace():
    with pytest.raises(ModuleNotFoundError, match=r"tf\.data"), without_tensorflow():
        assert image_feature.tf.executing_eagerly()
        _ = image_feature.tf.data
    assert image_feature.tf is lazy_imports_utils.tensorflow


def test_a_failed_download_is_one_line(tmp_path, monkeypatch):
    def fail(self, urls):
        raise ConnectionError("no route to\nthe host")

    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", fail)
    with pytest.raises(UserError, match="cannot prepare data set 'mnist' in .*no route to the host") as caught:
        open_source("mnist", "train", str(tmp_path))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.array_record*"))


@pytest.mark.parametrize(
    ("name", "split", "path", "message"),
    [
        ("mnits", "train", "", "unknown data set 'mnits'; the nearest names are mnist"),
        ("diigts", "train", "", "digits"),
        ("digits", "valid", "", "'train', 'test'"),
        ("digits", "train", "somewhere", "data.path"),
        ("mnist:9.9.9", "train", "", "9.9.9"),
        ("emnist/lettres", "train", "", "lettres"),
        ("a b", "train", "", "'a b'"),
        ("data_boxes", "train", "", "not one of image classification"),
        ("coco", "train", "", "tensorflow"),
    ],
)
def test_what_cannot_be_had_is_one_line(data_dir, capfd, name, split, path, message):
    with pytest.raises(UserError, match=message) as caught:
        open_source(name, split, str(data_dir), path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""  # TFDS would print a banner about TensorFlow


def test_an_unwritable_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot prepare data set 'digits' in"):
        open_source("digits", "train", str(tmp_path / "file"))


def test_where_prepared_data_lies(monkeypatch):
    monkeypatch.delenv("DEEPVISION_DATA", raising=False)
    assert data_root("") == Path.home() / ".cache" / "deepvision"
    monkeypatch.setenv("DEEPVISION_DATA", "/elsewhere")
    assert data_root("") == Path("/elsewhere")
    assert data_root("~/here") == Path.home() / "here"
