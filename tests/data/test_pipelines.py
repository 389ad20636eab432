"""The laws of the two pipelines."""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from deepvision.data import Pipeline, open_pipelines
from deepvision.errors import UserError

KEY = jax.random.key(3)
ALL = ("alternating_flip", "pad_crop(padding=1)", "randaugment", "color_jitter(hue=0.1)", "cutout(size=3)")


def opened(data, **fields) -> tuple[Pipeline, Pipeline]:
    for field, value in fields.items():
        data[field] = value
    return open_pipelines(data)


def small(data, npz, **fields) -> tuple[Pipeline, Pipeline]:
    """Opens the .npz file of 50 and 23 images."""
    return opened(data, **{"name": "npz", "path": str(npz), "batch_size": 8, "eval_batch_size": 10, **fields})


@functools.cache
def compiled(pipeline: Pipeline):
    return jax.jit(pipeline.assemble)


def assembled(pipeline: Pipeline, feed, key=KEY, positions=None) -> dict[str, np.ndarray]:
    positions = jnp.arange(pipeline.batch_size) if positions is None else positions
    batch = compiled(pipeline)(pipeline.resident, feed, key, positions)
    return {name: np.asarray(value) for name, value in batch.items()}


def assert_equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype
        assert np.array_equal(one[name], other[name]), name


def test_both_pipelines_give_the_same_bits(data, npz):
    fields = {"augment": ALL, "image_size": 7}
    resident, streaming = (small(data, npz, pipeline=kind, **fields)[0] for kind in ("resident", "streaming"))
    assert (resident.kind, streaming.kind) == ("resident", "streaming")
    for seed, step in itertools.product((0, 1), (0, 5, 1_000_003)):
        feeds = zip(resident.feed(seed, step), streaming.feed(seed, step), strict=True)
        for one, other in itertools.islice(feeds, 3):
            assert_equal(assembled(resident, one), assembled(streaming, other))


@pytest.mark.parametrize("kind", ["resident", "streaming"])
def test_a_feed_can_begin_anywhere(data, npz, kind):
    pipeline, _ = small(data, npz, pipeline=kind)
    whole = list(itertools.islice(pipeline.feed(4, 0), 15))  # two epochs and more, of 6.25 steps each
    for step in (1, 6, 14):
        assert_equal(next(pipeline.feed(4, step)), whole[step])


def test_every_epoch_visits_every_example(data, npz):
    pipeline, _ = small(data, npz, pipeline="resident")
    assert pipeline.steps_per_epoch == 6.25
    feeds = itertools.islice(pipeline.feed(0, 0), 25)  # four epochs
    indices = np.concatenate([feed["index"] for feed in feeds]).reshape(4, 50)
    assert (np.sort(indices, axis=1) == np.arange(50)).all()


def test_repeats_stand_apart_and_an_epoch_takes_as_many_steps(data, npz):
    pipeline, evaluation = small(data, npz, pipeline="resident", repeats=4)
    assert (pipeline.steps_per_epoch, evaluation.repeats) == (6.25, 1)
    batches = np.stack([feed["index"] for feed in itertools.islice(pipeline.feed(0, 0), 25)])
    assert (batches.reshape(25, 4, 2) == batches[:, np.newaxis, :2]).all()
    seen = batches[:, :2].ravel()  # in four epochs, every image four times: 25 batches of 2
    assert np.sort(seen).tolist() == list(range(50))
    assert_equal(next(pipeline.feed(0, 17)), {"index": batches[17]})
    once, _ = small(data, npz, pipeline="resident", repeats=1)
    np.testing.assert_array_equal(next(once.feed(0, 0))["index"][:2], batches[0, :2])


def test_repeats_are_augmented_each_for_itself(data, npz):
    pipeline, _ = small(data, npz, augment=("pad_crop(padding=2)",), repeats=8)
    batch = assembled(pipeline, next(pipeline.feed(0, 0)))
    assert len(set(batch["label"].tolist())) == 1 and len({image.tobytes() for image in batch["image"]}) > 4


@pytest.mark.parametrize("repeats", [1, 2])
def test_alternating_flip_mirrors_every_other_time(data, npz, repeats):
    pipeline, _ = small(data, npz, augment=("alternating_flip",), repeats=repeats, batch_size=10, normalize="unit")
    stored, seen = np.load(npz)["train_images"] / np.float32(255), {index: [] for index in range(50)}
    for feed in itertools.islice(pipeline.feed(0, 0), 20):  # four epochs
        batch = assembled(pipeline, feed)["image"]
        for index, image in zip(feed["index"].tolist(), batch, strict=True):
            mirrored = np.allclose(image, stored[index][:, ::-1])
            assert mirrored or np.allclose(image, stored[index])
            seen[index].append(mirrored)
    turns = np.array(list(seen.values()))
    assert turns.shape == (50, 4) and (turns[:, 1:] != turns[:, :-1]).all()
    assert 0.25 < turns[:, 0].mean() < 0.75, "a coin for each image says whether at first"
    other = next(pipeline.feed(1, 0))
    assert (other["mirrored"] != next(pipeline.feed(0, 0))["mirrored"]).any()


@pytest.mark.parametrize("batch_size", [1, 10, 23, 100])
@pytest.mark.parametrize("kind", ["resident", "streaming"])
def test_evaluation_counts_every_example_once(data, npz, kind, batch_size):
    _, pipeline = small(data, npz, pipeline=kind, normalize="unit", eval_batch_size=batch_size)
    batches = [assembled(pipeline, feed, None) for feed in pipeline.evaluation()]
    assert all(batch["image"].shape == (batch_size, 6, 5, 3) for batch in batches)
    joined = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    assert joined["weight"].tolist() == [1.0] * 23 + [0.0] * (len(batches) * batch_size - 23)
    stored = np.load(npz)
    np.testing.assert_allclose(joined["image"][:23] * 255, stored["test_images"], atol=1e-3)
    assert joined["label"][:23].tolist() == stored["test_labels"].tolist()


@pytest.mark.parametrize("kind", ["resident", "streaming"])
def test_a_batch_does_not_depend_on_how_it_is_divided(data, npz, kind):
    pipeline, _ = small(data, npz, pipeline=kind, augment=ALL)
    feed = next(pipeline.feed(0, 2))
    whole = assembled(pipeline, feed)
    for place in ((0, 1, 2, 3), (4, 5, 6, 7), (6, 1, 3, 0)):
        place = np.array(place)
        part = assembled(pipeline, {name: value[place] for name, value in feed.items()}, positions=place)
        assert_equal(part, {name: value[place] for name, value in whole.items()})


def test_augmentation_depends_on_the_key_and_the_position(data, npz):
    pipeline, _ = small(data, npz, augment=("pad_crop(padding=2)",))
    same = {"index": np.zeros(8, np.int32)}  # the same image in every place
    batch = assembled(pipeline, same)["image"]
    assert len({image.tobytes() for image in batch}) > 4
    assert not np.array_equal(batch, assembled(pipeline, same, jax.random.key(4))["image"])
    plain = assembled(pipeline, same, None)["image"]
    assert len({image.tobytes() for image in plain}) == 1


def test_each_augmentation_draws_for_itself(data, npz):
    # Were two flips to share a key, the second would undo the first.
    pipeline, _ = small(data, npz, augment=("flip", "flip"), normalize="unit", batch_size=1000)
    batch = assembled(pipeline, {"index": np.zeros(1000, np.int32)})["image"]
    mirrored = (batch != batch[0]).any(axis=(1, 2, 3)).mean()
    assert 0.4 < mirrored < 0.6


@pytest.mark.parametrize("kind", ["resident", "streaming"])
def test_the_training_set_has_mean_0_and_deviation_1(data, kind):
    pipeline, _ = opened(data, pipeline=kind, image_size=12, channels=3, batch_size=1438)
    batch = assembled(pipeline, next(pipeline.feed(0, 0)))
    np.testing.assert_allclose(batch["image"].mean(axis=(0, 1, 2), dtype=np.float64), 0, atol=1e-5)
    np.testing.assert_allclose(batch["image"].std(axis=(0, 1, 2), dtype=np.float64), 1, atol=1e-5)
    assert (batch["weight"] == 1).all()


def test_evaluation_has_the_normalization_of_training(data):
    train, evaluation = opened(data, train_split="train[:100]")
    assert evaluation.normalize == train.normalize
    assert evaluation.augment == ()


def test_describe(data):
    train, evaluation = opened(data, image_size=32)
    assert train.describe() == "digits train: 1,438 images 32x32x1, resident"
    assert evaluation.describe() == "digits test: 359 images 32x32x1, resident"


@pytest.mark.parametrize(("limit", "kind"), [(1, "resident"), (0, "streaming")])
def test_auto_is_resident_where_the_set_fits(data, npz, limit, kind):
    train, evaluation = small(data, npz, pipeline="auto", resident_limit_mb=limit)
    assert train.kind == evaluation.kind == kind


def test_worker_processes_give_the_same_batches(data, npz):
    threads, _ = small(data, npz, pipeline="streaming")
    processes, _ = small(data, npz, pipeline="streaming", num_workers=2)
    feed = processes.feed(0, 3)
    for one, other in zip(itertools.islice(threads.feed(0, 3), 5), feed, strict=False):
        assert_equal(one, other)
    feed.close()


def test_a_dead_worker_is_an_error(data, npz):
    pipeline, _ = small(data, npz, pipeline="streaming", num_workers=1)
    before = set(multiprocessing.active_children())
    feed = pipeline.feed(0, 0)
    next(feed)
    for worker in set(multiprocessing.active_children()) - before:
        worker.kill()
    with pytest.raises(UserError, match="reading batch [0-9]+ of npz train") as caught:
        for _ in range(50):
            next(feed)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("kind", "num_workers"), [("resident", 0), ("streaming", 0), ("streaming", 1)])
def test_a_broken_image_is_named(data, folder, kind, num_workers):
    file = folder / "test" / "dog" / "1.bmp"
    file.write_bytes(file.read_bytes()[:60])
    fields = {"name": "image_folder", "path": str(folder), "pipeline": kind, "num_workers": num_workers}
    with pytest.raises(UserError, match=r"test/dog/1\.bmp"):
        _, evaluation = opened(data, **fields, eval_batch_size=2)
        list(evaluation.evaluation())


def test_an_image_of_another_size_is_named(data, folder):
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "train" / "dog" / "0.png")
    fields = {"name": "image_folder", "path": str(folder)}
    with pytest.raises(UserError, match=r"dog/0\.png is 9x9, not 6x5 as others: set data.image_size"):
        opened(data, **fields)
    train, _ = opened(data, **fields, image_size=8)
    assert train.image_shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pipeline": "streeming"}, "did you mean 'streaming'"),
        ({"batch_size": 0}, "data.batch_size"),
        ({"eval_batch_size": -3}, "data.eval_batch_size"),
        ({"num_workers": -1}, "data.num_workers"),
        ({"prefetch": -1}, "data.prefetch"),
        ({"resident_limit_mb": -1}, "data.resident_limit_mb"),
        ({"image_size": 0}, "data.image_size"),
        ({"channels": 2}, "data.channels"),
        ({"normalize": "dateset"}, "did you mean 'dataset'"),
        ({"normalize": "imagenet"}, "data.channels"),
        ({"augment": ("flipp",)}, "did you mean 'flip'"),
        ({"augment": ("flip(q=0.5)",)}, "argument of augmentation 'flip'"),
        ({"augment": ("cutout(size=9)",)}, "cutout"),
        ({"repeats": 0}, "data.repeats must be at least 1"),
        ({"repeats": 3}, "data.repeats = 3 does not divide data.batch_size = 128"),
        ({"eval_split": "validation"}, "'validation'"),
    ],
)
def test_bad_fields_are_one_line(data, fields, message):
    with pytest.raises(UserError, match=message) as caught:
        opened(data, **fields)
    assert "\n" not in str(caught.value)


def test_splits_of_different_shape_are_refused(data, tmp_path):
    splits = {"train": np.zeros((4, 6, 6), np.uint8), "test": np.zeros((4, 5, 6), np.uint8)}
    arrays = {f"{name}_images": images for name, images in splits.items()}
    np.savez(tmp_path / "odd.npz", **arrays, train_labels=np.arange(4), test_labels=np.arange(4))
    with pytest.raises(UserError, match="6x6x1 and 5x6x1: set data.image_size"):
        opened(data, name="npz", path=str(tmp_path / "odd.npz"))


def test_importing_is_cheap():
    slow = ("tensorflow_datasets", "grain", "PIL", "sklearn", "tensorflow")
    code = f"import sys, deepvision.data; print([name for name in {slow} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
