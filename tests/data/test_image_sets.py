"""Sets of images of any sizes: what is read, which patches are drawn, how whole images are fed."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from deepvision.config import default_config
from deepvision.data import open_pipelines
from deepvision.data.images import studio_luma
from deepvision.data.sources import open_source
from deepvision.errors import UserError
from deepvision.types import IGNORE

SIZES = {"2.png": (20, 30), "10.png": (30, 20), "1.png": (20, 30), "3.png": (25, 25)}


def gradient(height: int, width: int, start: int) -> np.ndarray:
    """Returns an image [h, w, 3] each of whose pixels tells its row, its column and its file."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, start)], axis=-1).astype(np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Images of three sizes beside masks whose value 7 is a class, 9 another, and 200 none."""
    for folder in ("train/image", "train/label"):
        (tmp_path / folder).mkdir(parents=True)
    for number, (name, size) in enumerate(SIZES.items()):
        image = gradient(*size, number)
        mask = np.where((image[..., 0] + image[..., 1]) % 2 == 0, 7, 9).astype(np.uint8)
        mask[:3, :3] = 200
        Image.fromarray(image).save(tmp_path / "train/image" / name)
        Image.fromarray(mask).save(tmp_path / "train/label" / name)
    return tmp_path


def config(root: Path, **fields):
    data = default_config().data
    data.update(name="image_masks", path=str(root), train_split="train", eval_split="train", normalize="unit")
    data.update(batch_size=64, eval_batch_size=2, patch_size=8, classes=(7, 9), ignore=(200,))
    data.update(fields)
    return data


def assembled(pipeline, key=None, step: int = 0) -> dict[str, np.ndarray]:
    feed = next(pipeline.feed(0, step))
    positions = np.arange(pipeline.batch_size)
    return jax.tree.map(np.asarray, jax.jit(pipeline.assemble)(pipeline.resident, feed, key, positions))


def test_names_are_ordered_by_their_numbers(root: Path):
    source = open_source("image_masks", "train", path=str(root))
    assert [source.called(i) for i in range(4)] == [f"train/{n}.png" for n in (1, 2, 3, 10)]
    assert [source.size(i) for i in range(4)] == [(20, 30), (20, 30), (25, 25), (30, 20)]
    assert len(open_source("image_masks", "train[:3]", path=str(root))) == 3


def test_masks_may_lie_in_a_folder_beside(root: Path, tmp_path: Path):
    (root / "train/label").rename(root / "trainannot")
    for file in (root / "train/image").iterdir():
        file.rename(root / "train" / file.name)
    (root / "train/image").rmdir()
    assert len(open_source("image_masks", "train", path=str(root))) == 4


def test_patches_are_squares_of_images_with_their_masks(root: Path):
    train, _ = open_pipelines(config(root, patches_per_image=16))
    assert (train.num_examples, train.image_shape, train.info.num_classes) == (64, (8, 8, 3), 2)
    batch = assembled(train, jax.random.key(0))
    pixels = np.rint(255 * batch["image"]).astype(int)
    rows, columns, files = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    np.testing.assert_array_equal(rows - rows[:, :1, :1], np.broadcast_to(np.arange(8)[:, None], rows.shape))
    np.testing.assert_array_equal(columns - columns[:, :1, :1], np.broadcast_to(np.arange(8), columns.shape))
    ignored = (rows < 3) & (columns < 3)
    np.testing.assert_array_equal(batch["mask"][..., 0], np.where(ignored, IGNORE, (rows + columns) % 2))
    assert np.all(np.bincount(files[:, 0, 0], minlength=4) == 16), "an epoch draws from every image as often"


def test_patches_reach_every_place_of_an_image_and_none_beyond(root: Path):
    train, _ = open_pipelines(config(root, train_split="train[:1]", batch_size=4000))
    pixels = np.rint(255 * assembled(train, jax.random.key(0))["image"]).astype(int)
    corners, counts = np.unique(pixels[:, 0, 0, :2], axis=0, return_counts=True)
    assert corners.tolist() == [[row, column] for row in range(13) for column in range(23)]
    assert counts.max() < 4 * counts.mean()


def test_a_batch_of_patches_is_a_function_of_places_alone(root: Path):
    """Half of the batch, with its places, is half of what the whole batch is."""
    train, _ = open_pipelines(config(root, augment=("dihedral", "elastic(strength=2.0)")))
    feed, key = next(train.feed(0, 3)), jax.random.key(1)
    assemble = jax.jit(train.assemble)
    whole = assemble(train.resident, feed, key, np.arange(64))
    half = assemble(train.resident, {"index": feed["index"][32:]}, key, np.arange(32, 64))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[32:], b, atol=1e-6), whole, half)


def test_augmentation_moves_masks_with_their_images(root: Path):
    train, _ = open_pipelines(config(root, augment=("dihedral", "flip", "pad_crop(padding=2)", "cutout(size=3)")))
    batch = assembled(train, jax.random.key(0))
    pixels = np.rint(255 * batch["image"]).astype(int)
    rows, columns, mask = pixels[..., 0], pixels[..., 1], batch["mask"][..., 0]
    inside = (mask != IGNORE) & (rows + columns > 0)
    np.testing.assert_array_equal(mask[inside], ((rows + columns) % 2)[inside])
    assert (mask == IGNORE).mean() > 0.2, "what comes from outside does not count"


def test_both_images_of_a_pair_are_cut_and_moved_alike(root: Path):
    (root / "train/image").rename(root / "train/target")
    (root / "train/input").mkdir()
    for file in (root / "train/target").iterdir():
        Image.fromarray(255 - np.asarray(Image.open(file))).save(root / "train/input" / file.name)
    train, evaluation = open_pipelines(config(root, name="image_pairs", classes=(), ignore=(), augment=("dihedral",)))
    batch = assembled(train, jax.random.key(0))
    np.testing.assert_allclose(batch["input"], 1 - batch["image"], atol=1e-6)
    assert np.ptp(batch["image"][:, 0, 0, 0]) > 0.02, "patches are drawn from everywhere"
    for feed in evaluation.evaluation():
        np.testing.assert_array_equal(feed["input"], 255 - feed["image"])
    with pytest.raises(UserError, match=r"cutout\(size=3\) would change the two images of a pair differently"):
        fields = {"classes": (), "ignore": (), "augment": ("flip", "cutout(size=3)")}
        open_pipelines(config(root, name="image_pairs", **fields))
    (root / "train/input/1.png").unlink()
    with pytest.raises(UserError, match="1.png stands alone: .*input holds no image of that name"):
        open_pipelines(config(root, name="image_pairs", classes=(), ignore=()))


def test_patches_may_reach_beyond_the_borders_into_a_mirror(root: Path):
    train, _ = open_pipelines(config(root, train_split="train[:1]", patch_size=26, margin=3))
    assert train.resident["size"].tolist() == [[26, 36]]
    image = np.pad(gradient(20, 30, 2), [(3, 3), (3, 3), (0, 0)], mode="symmetric")
    np.testing.assert_array_equal(train.resident["image"][0], image)
    assert train.resident["mask"][0, :6, 3:6].tolist() == np.full((6, 3, 1), IGNORE).tolist(), "masks go with them"


@pytest.mark.parametrize("multiple", [1, 16])
def test_whole_images_come_once_each_by_sizes(root: Path, multiple: int):
    _, evaluation = open_pipelines(config(root, eval_multiple=multiple))
    seen = []
    for feed in evaluation.evaluation():
        batch = evaluation.assemble(None, feed, None, np.arange(2))
        assert batch["image"].shape[:3] == feed["mask"].shape[:3] and batch["image"].shape[1] % multiple == 0
        for image, mask, (height, width), weight in zip(
            np.asarray(batch["image"]), feed["mask"], feed["size"], feed["weight"], strict=True
        ):
            pixels = np.rint(255 * image).astype(int)
            if weight:
                seen.append((pixels[0, 0, 2], height, width))
            np.testing.assert_array_equal(pixels[:height, :width], gradient(height, width, pixels[0, 0, 2]))
            assert np.all(mask[height:] == IGNORE) and np.all(mask[:, width:] == IGNORE)
    assert sorted(seen) == [(n, *size) for n, size in enumerate(SIZES.values())]


def test_what_is_made_on_the_host_is_made_once_and_padded_alike(root: Path):
    calls = []

    def half(example, name):
        calls.append(name)
        return {**example, "input": example["image"][::2, ::2].astype(np.float32)}

    _, evaluation = open_pipelines(config(root, eval_multiple=8, train_split="train[3:]", eval_split="train[3:]"))
    evaluation = evaluation.with_inputs(half)
    for _ in range(2):
        (feed,) = evaluation.evaluation()
    assert calls == ["train/10.png"]
    assert feed["input"].shape == (2, 16, 16, 3) and feed["image"].shape == (2, 32, 32, 3)


def test_borders_between_cells_weigh_more(root: Path):
    mask = np.zeros((20, 30), np.uint8)
    mask[4:16, 2:14], mask[4:16, 16:28] = 255, 255
    for file in (root / "train/label").iterdir():
        Image.fromarray(np.resize(mask, SIZES[file.name])).save(file)
    train, _ = open_pipelines(config(root, classes=(0, 255), ignore=(), border_weight=10.0, patches_per_image=4))
    weight = assembled(train, jax.random.key(0))["pixel_weight"]
    assert weight.shape == (64, 8, 8, 1) and weight.min() == 1 and weight.max() > 5


def test_luma_in_studio_swing(root: Path):
    train, evaluation = open_pipelines(config(root, channels=1, luma="studio", patch_size=20, train_split="train[3:]"))
    assert train.image_shape == (20, 20, 1)
    feed = next(iter(evaluation.evaluation()))
    np.testing.assert_array_equal(feed["image"][0], studio_luma(gradient(20, 30, 2)))
    assert studio_luma(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)).ravel().tolist() == [16, 235]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"classes": ()}, "data.classes must list"),
        ({"classes": (7,)}, "cannot read .*png: its mask has the value 9, which is neither in data.classes nor"),
        ({"classes": (7, 9, 9)}, "must be different integers"),
        ({"patch_size": 21}, "data.patch_size = 21, but .*/1.png is 20x30"),
        ({"patch_size": None}, "differ in size: set data.patch_size"),
        ({"normalize": "dataset"}, "'dataset' measures images of one size"),
        ({"pipeline": "streaming"}, "has no streaming pipeline"),
        ({"image_size": 16}, "are not resized"),
        ({"luma": "video"}, "unknown data.luma 'video'"),
        ({"border_weight": 10.0, "classes": (7, 9, 200), "ignore": ()}, "border_weight is for two classes"),
        ({"unusable": "hide"}, "unknown data.unusable 'hide'"),
        ({"path": ""}, "data.path must name its root folder"),
        ({"train_split": "valid"}, "cannot take split 'valid'"),
    ],
)
def test_mistakes_are_named(root: Path, fields: dict, message: str):
    with pytest.raises(UserError, match=message):
        open_pipelines(config(root, **fields))


def test_bad_files_may_be_left_out_of_training_alone(root: Path, capsys):
    """Each is named in a line; what is evaluated must be whole."""
    for name, content in (("0.png", b"no image"), ("4.png", (root / "train/image/1.png").read_bytes()[:60])):
        (root / "train/image" / name).write_bytes(content)
        Image.new("L", (30, 20), 7).save(root / "train/label" / name)
    Image.new("RGB", (1, 1)).save(root / "train/image/5.png")
    Image.new("RGB", (60_000, 9)).save(root / "train/image/6.png")
    Image.new("RGB", (30, 20)).save(root / "train/image/7.png")
    for number, size in ((5, (1, 1)), (6, (60_000, 9))):
        Image.new("L", size, 7).save(root / f"train/label/{number}.png")
    (root / "train/label/7.png").write_bytes(b"no mask")
    train, evaluation = open_pipelines(config(root, unusable="skip", eval_split="train[1:4]"))
    lines = capsys.readouterr().err.splitlines()
    reasons = {
        "0.png": "cannot identify image file",
        "4.png": "image file is truncated",
        "5.png": "it is 1x1 pixels; sides of 8 to 16,384",
        "6.png": "it is 9x60000 pixels",
        "7.png": f"its mask {root}/train/label/7.png cannot be read: cannot identify",
    }
    assert len(lines) == len(reasons)
    for line, (name, reason) in zip(lines, reasons.items(), strict=True):
        assert line.startswith(f"left out: cannot read {root}/train/image/{name}: ") and reason in line
    assert (train.num_examples, train.image_shape, evaluation.num_examples) == (4, (8, 8, 3), 3)
    seen = {train.source.where(int(index)) for index in next(train.feed(0, 0))["index"]}
    assert seen == {f"{root}/train/image/{name}" for name in SIZES}
    with pytest.raises(UserError, match="cannot read .*0.png"):
        open_pipelines(config(root, train_split="train[1:4]", unusable="skip"))
    with pytest.raises(UserError, match=r"no image of split 'train\[5:6\]' can be used"):
        open_pipelines(config(root, train_split="train[5:6]", eval_split="train[1:4]", unusable="skip"))


def test_bad_files_are_named(root: Path):
    broken = root / "train/image/3.png"
    content = broken.read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="cannot read .*3.png"):
        open_pipelines(config(root))
    broken.write_bytes(content)
    mask = root / "train/label/3.png"
    Image.fromarray(gradient(25, 25, 0)).save(mask)
    with pytest.raises(UserError, match="cannot read .*image/3.png: the pixels of its mask .*label/3.png are RGB"):
        open_pipelines(config(root))
    Image.fromarray(np.full((5, 5), 7, np.uint8)).save(mask)
    with pytest.raises(UserError, match="has another size: 5x5 and 25x25"):
        open_pipelines(config(root))
    mask.unlink()
    with pytest.raises(UserError, match="3.png stands alone: .*label holds no image of that name"):
        open_pipelines(config(root))
