"""Crops that are made while images are decoded."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from deepvision.data import jpeg as decoder
from deepvision.data import open_pipelines
from deepvision.data.crops import DRAWS, Box, center, draws, random_box, random_resized
from deepvision.data.images import decode
from deepvision.errors import UserError
from tests.data.jpegs import encoded, jpeg, smooth

AREA, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)


def drawn(*values: float) -> np.ndarray:
    """Returns what an example draws: share, shape, and the place."""
    draw = np.full(DRAWS, 0.5)
    draw[:2], draw[-2:] = values[:2], values[2:]
    return draw


@pytest.mark.parametrize(
    "options",
    [
        {"subsampling": 0},
        {"subsampling": 1},
        {"subsampling": 2},
        {"progressive": True},
        {"quality": 40},
        {"gray": True},
    ],
    ids=str,
)
def test_whole_jpegs_are_decoded_as_by_pillow(options):
    gray = options.pop("gray", False)
    data = encoded(smooth(37, 51).convert("L") if gray else smooth(37, 51), **options)
    assert decoder.size(data) == (37, 51)
    assert np.array_equal(decoder.decode(data, 37, 51, 3, 1), decode(data, 3))
    if gray:
        assert np.array_equal(decoder.decode(data, 37, 51, 1, 1), decode(data, 1))


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_reduced_jpeg_is_the_mean_of_its_pixels(factor):
    data = jpeg(161, 203)
    whole, reduced = (decoder.decode(data, 161, 203, 3, f).astype(float) for f in (1, factor))
    assert reduced.shape == (-(-161 // factor), -(-203 // factor), 3)
    rows, columns = 161 // factor, 203 // factor
    means = whole[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor, 3).mean(axis=(1, 3))
    assert np.abs(reduced[:rows, :columns] - means).mean() < 1.5


def test_what_is_no_plain_jpeg_is_left_to_pillow():
    assert decoder.size(encoded(smooth(9, 9), "PNG")) is None
    assert decoder.size(encoded(smooth(9, 9).convert("CMYK"))) is None
    assert decoder.size(jpeg(9, 9)[:30]) is None
    data = jpeg(64, 64)
    assert decoder.decode(data[: len(data) // 2], 64, 64, 3, 1) is None


def test_factors_leave_as_many_pixels_as_are_wanted():
    wanted = {(447, 500): 1, (448, 448): 2, (448, 447): 1, (900, 896): 4, (5000, 1792): 8, (10, 10): 1}
    assert {sides: decoder.factor(sides, 224) for sides in wanted} == wanted


def test_boxes_follow_the_draw():
    # A quarter of the area at an aspect ratio of one, in the corners of the places that are left.
    square = {"area": AREA, "ratio": RATIO}
    share = (0.25 - 0.08) / 0.92
    assert random_box(200, 200, drawn(share, 0.5, 0, 0), **square) == Box(0, 0, 100, 100)
    assert random_box(200, 200, drawn(share, 0.5, 0.9999, 0.9999), **square) == Box(100, 100, 100, 100)
    wide = random_box(200, 200, drawn(share, 1.0, 0, 0), **square)
    assert (wide.height, wide.width) == (87, 115)  # sqrt(10000 * 3/4), sqrt(10000 * 4/3)
    assert random_box(200, 200, drawn(1.0, 0.5, 0.5, 0.5), **square) == Box(0, 0, 200, 200)


def test_where_no_box_fits_the_largest_of_a_valid_ratio_is_taken():
    draw = np.full(DRAWS, 0.999)
    assert random_box(10, 100, draw, AREA, RATIO) == Box(0, 43, 10, 13)
    assert random_box(100, 9, draw, AREA, RATIO) == Box(44, 0, 12, 9)
    assert random_box(1, 1, draw, AREA, RATIO) == Box(0, 0, 1, 1)


def test_boxes_have_the_distribution_of_the_paper():
    boxes = np.array([random_box(375, 500, draw, AREA, RATIO) for draw in draws(0, np.arange(4000))])
    areas, shapes = boxes[:, 2] * boxes[:, 3] / (375 * 500), np.log(boxes[:, 3] / boxes[:, 2])
    assert (boxes[:, :2] >= 0).all() and (boxes[:, :2] + boxes[:, 2:] <= (375, 500)).all()
    assert 0.079 < areas.min() < 0.085 and areas.max() <= 1.0
    assert np.abs(shapes).max() < np.log(4 / 3) + 0.02 and abs(shapes[areas < 0.3].mean()) < 0.02
    rng = np.random.default_rng(0)
    share, shape = rng.uniform(*AREA, 100_000), np.exp(rng.uniform(*np.log(RATIO), 100_000))
    fits = (np.sqrt(share * 375 * 500 * shape) <= 500) & (np.sqrt(share * 375 * 500 / shape) <= 375)
    assert abs(areas.mean() - share[fits].mean()) < 0.02
    assert np.abs(np.quantile(areas, (0.25, 0.75)) - np.quantile(share[fits], (0.25, 0.75))).max() < 0.03


def test_draws_are_a_function_of_the_seed_and_the_position():
    whole = draws(3, np.arange(100, 140))
    assert whole.shape == (40, DRAWS) and whole.min() >= 0 and whole.max() < 1
    assert np.array_equal(draws(3, np.array([139, 107])), whole[[39, 7]])
    assert len(np.unique(whole)) == whole.size
    assert not np.intersect1d(draws(4, np.arange(100, 140)), whole).size
    assert abs(draws(0, np.arange(2000)).mean() - 0.5) < 0.005


@pytest.mark.parametrize("size", [20, 70, 150])
@pytest.mark.parametrize("antialias", [True, False])
def test_the_part_is_resized(size, antialias):
    # Reduced in the decoder, after it, or enlarged: near to what Pillow makes of the same part.
    data, draw = jpeg(170, 200), drawn(0.8, 0.4, 0.3, 0.6)
    top, left, height, width = random_box(170, 200, draw, AREA, RATIO)
    made = random_resized(data, size, 3, draw, antialias=antialias)
    part = Image.open(io.BytesIO(data)).crop((left, top, left + width, top + height))
    expected = np.asarray(part.resize((size, size), Image.Resampling.BILINEAR)).astype(int)
    assert made.shape == (size, size, 3) and made.dtype == np.uint8
    assert np.abs(made - expected).mean() < (6 if size == 20 else 4)  # of so few, boxes are rounded to a fifth of one
    elsewhere = random_resized(data, size, 3, drawn(0.1, 0.4, 0.9, 0.1))
    assert np.abs(elsewhere.astype(int) - expected).mean() > 20


def test_reducing_averages_unless_asked_not_to():
    board = (np.indices((96, 96)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., np.newaxis]
    whole = drawn(1.0, 0.5, 0, 0)
    assert np.abs(random_resized(board, 32, 1, whole).astype(int) - 127.5).max() < 30
    assert np.ptp(random_resized(board, 32, 1, whole, antialias=False)) > 200


@pytest.mark.parametrize("kind", ["jpeg", "png", "array", "path", "cmyk", "odd"])
def test_every_form_of_an_image_is_cropped_alike(kind, tmp_path):
    image = smooth(90, 80)
    data = encoded(image, quality=95)
    (tmp_path / "a.jpg").write_bytes(data)
    forms = {
        "jpeg": data,
        "png": encoded(image, "PNG"),
        "array": np.asarray(image),
        "path": tmp_path / "a.jpg",
        "cmyk": encoded(image.convert("CMYK"), quality=95),
        "odd": data.replace(b"\xff\xda", b"garbage\xff\xda", 1),  # a warning of libjpeg-turbo: Pillow has the say
    }
    draw = drawn(0.7, 0.5, 0.2, 0.2)
    made, expected = (random_resized(form, 40, 3, draw).astype(int) for form in (forms[kind], np.asarray(image)))
    assert np.abs(made - expected).mean() < 4
    assert np.abs(center(forms[kind], 40, 3, None).astype(int) - center(np.asarray(image), 40, 3, None)).mean() < 4


@pytest.mark.parametrize("shape", [(60, 60), (60, 83), (91, 60), (31, 47), (64, 64)])
@pytest.mark.parametrize(("size", "resize"), [(28, 32), (28, 28), (56, None)])
def test_center_is_resize_and_centre_crop(shape, size, resize):
    data = jpeg(*shape)
    side = resize or 64
    short = min(shape)
    tall, wide = (side * length // short for length in shape)
    whole = Image.open(io.BytesIO(data)).resize((wide, tall), Image.Resampling.BILINEAR)
    top, left = round((tall - size) / 2), round((wide - size) / 2)
    expected = np.asarray(whole.crop((left, top, left + size, top + size))).astype(int)
    difference = np.abs(center(data, size, 3, None, resize) - expected)
    assert difference.max() <= 1 and np.mean(difference > 0) < 0.1


@pytest.fixture
def photos(tmp_path):
    """`split/class/image` of JPEGs in two classes, of many sizes."""
    for split, count in (("train", 9), ("test", 5)):
        for index, name in itertools.product(range(count), ("ant", "bee")):
            file = tmp_path / split / name / f"{index}.JPEG"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(jpeg(40 + 3 * index, 90 - 5 * index, seed=index + 100 * (name == "bee")))
    return tmp_path


def opened(data, photos, **fields):
    given = {"name": "image_folder", "path": str(photos), "image_size": 16, "batch_size": 7, "eval_batch_size": 4}
    for field, value in {**given, "train_crop": "random_resized", "eval_crop": "center", **fields}.items():
        data[field] = value
    return open_pipelines(data)


def first(pipeline, count, seed=0, step=0):
    feed = pipeline.feed(seed, step)
    batches = list(itertools.islice(feed, count))
    feed.close()
    return batches


def test_every_epoch_crops_anew(data, photos):
    train, evaluation = opened(data, photos, train_split="train[:7]")
    assert (train.kind, evaluation.kind) == ("streaming", "streaming")
    one, other, again = *first(train, 2), first(train, 1)[0]
    assert sorted(one["label"]) == sorted(other["label"])
    assert not {image.tobytes() for image in one["image"]} & {image.tobytes() for image in other["image"]}
    assert np.array_equal(one["image"], again["image"])
    assert not np.array_equal(one["image"], first(train, 1, seed=1)[0]["image"])


@pytest.mark.parametrize("fields", [{"num_workers": 2}, {"prefetch": 0}, {"prefetch": 5}], ids=str)
def test_crops_are_the_same_however_they_are_made(data, photos, fields, monkeypatch):
    expected = first(opened(data, photos, num_workers=0)[0], 5)
    monkeypatch.setattr("deepvision.data.streaming.PIECE", 3)
    for one, other in zip(first(opened(data, photos, **fields)[0], 2, step=3), expected[3:], strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_evaluation_sees_the_centre_of_every_image_once(data, photos):
    _, evaluation = opened(data, photos)
    feeds = list(evaluation.evaluation())
    weight = np.concatenate([feed["weight"] for feed in feeds])
    images = np.concatenate([feed["image"] for feed in feeds])[weight > 0]
    assert len(images) == 10
    source = evaluation.source
    for index, image in enumerate(images):
        assert np.array_equal(image, center(source.stored([index])[0].image, 16, 3, None))


def test_a_centre_crop_may_be_resident(data, photos):
    fields = {"train_crop": "center(resize=20)", "normalize": "dataset"}
    resident, streaming = (opened(data, photos, pipeline=kind, **fields)[0] for kind in ("resident", "streaming"))
    one, other = first(resident, 1)[0], first(streaming, 1)[0]
    assert np.array_equal(resident.resident["image"][one["index"]], other["image"])
    assert resident.normalize == streaming.normalize


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train_crop": "random_resize"}, "did you mean 'random_resized'"),
        ({"train_crop": "random_resized(scale=(0.1, 1))"}, "argument of data.train_crop 'random_resized'"),
        ({"train_crop": "random_resized(area=(0.5, 0.1))"}, "area must be two numbers in ascending order"),
        ({"train_crop": "random_resized(area=(0.0, 1))"}, "area must be two numbers"),
        ({"train_crop": "random_resized(ratio=2)"}, "ratio must be two numbers"),
        ({"train_crop": "random_resized(antialias=1)"}, "antialias must be True or False"),
        ({"train_crop": "random_resized", "pipeline": "resident"}, "set data.pipeline to streaming"),
        ({"eval_crop": "random_resized"}, "is random, evaluation is not"),
        ({"eval_crop": "center(resize=0)"}, "resize must be a whole number"),
        ({"image_size": None}, "data.image_size pixels, which is not set"),
        ({"unusable": "skipp"}, "did you mean 'skip'"),
    ],
)
def test_bad_crops_are_one_line(data, photos, fields, message):
    with pytest.raises(UserError, match=message) as caught:
        opened(data, photos, **fields)
    assert "\n" not in str(caught.value)


def test_a_centre_crop_beyond_the_resized_image_is_refused(data, photos):
    _, evaluation = opened(data, photos, eval_crop="center(resize=10)", normalize="unit")
    with pytest.raises(UserError, match="resize = 10 is less than data.image_size = 16"):
        list(evaluation.evaluation())


@pytest.mark.parametrize("kind", ["resident", "streaming"])
def test_a_broken_image_stops_or_is_skipped(data, photos, capfd, kind):
    broken = photos / "train" / "bee" / "3.JPEG"
    broken.write_bytes(broken.read_bytes()[:200])
    fields = {"pipeline": kind, "train_crop": None, "batch_size": 18, "num_workers": 0}
    with pytest.raises(UserError, match=r"cannot read .*bee/3\.JPEG: "):
        first(opened(data, photos, **fields)[0], 1)
    train, _ = opened(data, photos, unusable="skip", **fields)
    feed = first(train, 1)[0]
    batch = train.assemble(train.resident, feed, None, np.arange(18))
    assert sorted(np.asarray(batch["weight"])) == [0.0] + [1.0] * 17
    assert "usable" not in batch
    err = capfd.readouterr().err
    assert "left out: cannot read" in err and err.count("bee/3.JPEG") == 1


def test_an_image_that_claims_too_many_pixels_is_not_decoded(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UserError, match="claims more than 2,000 pixels"):
        random_resized(jpeg(50, 50), 8, 3, drawn(1.0, 0.5, 0, 0))
