"""Images per second and core that the streaming pipeline crops from JPEGs of 500x375, beside what else would.

    python -m experiments.benchmarks.loader [--pictures FOLDER] [--images 256] [--batch 64] [--size 224] [--rounds 11]
                                            [--out FOLDER]

The JPEGs are made of parts of the pictures in a folder (default: the two photographs that come with scikit-learn), with
the quality at which they are about as large as those of ImageNet. Every way reads them all, in another order, crops at
random area and aspect ratio and hands over batches of bytes; the ways take turns, round after round. What is compared
is the time of this process on all cores, so that images per second are those of one core; a ratio is the median over
the rounds. Torchvision takes part where the extra `torch` is installed. A second table has the decoders and the ways to
resize alone. With --out, into loader.md and loader.json there.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from deepvision.config import default_config
from deepvision.data import open_pipelines
from deepvision.data.crops import draws, random_box
from deepvision.data.images import decode
from experiments.benchmarks.timing import write

HEIGHT, WIDTH, QUALITY = 375, 500, 95
AREA, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)
Way = Callable[[], None]


def pictures(folder: Path | None) -> list[Image.Image]:
    """Returns the pictures in a folder, or those of scikit-learn."""
    if folder is None:
        from sklearn.datasets import load_sample_images

        return [Image.fromarray(image) for image in load_sample_images().images]
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp"))
    return [Image.fromarray(decode(file, 3)) for file in files]


def make_jpegs(source: list[Image.Image], count: int, root: Path) -> list[bytes]:
    """Writes so many JPEGs as root/train/class/file, and returns them."""
    rng, made = np.random.default_rng(0), []
    for number in range(count):
        picture = source[number % len(source)]
        width = rng.integers(picture.width // 2, picture.width + 1)
        height = min(width * HEIGHT // WIDTH, picture.height)
        left, top = (int(rng.integers(0, spare + 1)) for spare in (picture.width - width, picture.height - height))
        part = picture.crop((left, top, left + int(width), top + int(height)))
        buffer = io.BytesIO()
        part.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=QUALITY)
        file = root / "train" / f"class{number % 4}" / f"{number:05d}.JPEG"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(buffer.getvalue())
        made.append(buffer.getvalue())
    return made


def ours(root: Path, arguments: argparse.Namespace, crop: str) -> Way:
    """Returns a way that reads as many batches as there are in an epoch, from where it stopped."""
    data = default_config().data
    data.name, data.path, data.train_split, data.eval_split = "image_folder", str(root), "train", "train"
    data.image_size, data.batch_size, data.normalize = arguments.size, arguments.batch, "imagenet"
    data.train_crop, data.num_workers, data.prefetch = crop, 0, 0  # nothing ahead, in the turn of another
    train, _ = open_pipelines(data)
    feed, steps = train.feed(0, 0), arguments.images // arguments.batch

    def run() -> None:
        for batch in itertools.islice(feed, steps):
            assert batch["image"].shape == (arguments.batch, arguments.size, arguments.size, 3)

    return run


def plain(root: Path, arguments: argparse.Namespace) -> Way:
    """Returns the way one would write down: each file decoded whole, cropped and resized by Pillow."""
    files = sorted(root.rglob("*.JPEG"))
    epochs = itertools.count()

    def batches() -> Iterator[np.ndarray]:
        drawn = draws(next(epochs), np.arange(len(files)))
        mixed = np.random.default_rng(0).permutation(len(files))
        for start in range(0, len(files), arguments.batch):
            yield np.stack([one(files[i], drawn[i]) for i in mixed[start : start + arguments.batch]])

    def one(file: Path, draw: np.ndarray) -> np.ndarray:
        with Image.open(file) as image:
            top, left, height, width = random_box(image.height, image.width, draw, AREA, RATIO)
            part = image.convert("RGB").crop((left, top, left + width, top + height))
        return np.asarray(part.resize((arguments.size, arguments.size), Image.Resampling.BILINEAR))

    return lambda: exhaust(batches())


def torchvision(root: Path, arguments: argparse.Namespace) -> Way:
    """Returns torchvision's ImageFolder with RandomResizedCrop, in a DataLoader of this process."""
    import torch
    from torchvision import datasets, transforms

    torch.set_num_threads(1)
    crop = transforms.Compose([transforms.RandomResizedCrop(arguments.size), transforms.PILToTensor()])
    images = datasets.ImageFolder(str(root / "train"), crop)
    loader = torch.utils.data.DataLoader(images, batch_size=arguments.batch, shuffle=True)

    return lambda: exhaust(loader)


def exhaust(batches: Iterable) -> None:
    for _ in batches:
        pass


def parts(jpegs: list[bytes], size: int) -> dict[str, Way]:
    """Returns what decodes a JPEG, whole and by half, and what resizes a part of it."""
    import cv2
    import simplejpeg

    cv2.setNumThreads(0)
    half = {"min_height": -(-HEIGHT // 2), "min_width": WIDTH // 2}
    whole = [simplejpeg.decode_jpeg(data) for data in jpegs[:32]]
    boxes = [random_box(HEIGHT, WIDTH, draw, AREA, RATIO) for draw in draws(0, np.arange(len(whole)))]
    crops = [image[b.top : b.top + b.height, b.left : b.left + b.width] for image, b in zip(whole, boxes, strict=True)]

    def drafted(data: bytes) -> None:
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", (WIDTH // 2, HEIGHT // 2))
        np.asarray(image)

    each: dict[str, tuple[list, Callable]] = {
        "decode, Pillow": (jpegs, lambda data: np.asarray(Image.open(io.BytesIO(data)))),
        "decode, OpenCV": (jpegs, lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)),
        "decode, simplejpeg": (jpegs, simplejpeg.decode_jpeg),
        "decode by half, Pillow's draft": (jpegs, drafted),
        "decode by half, OpenCV": (
            jpegs,
            lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_COLOR_2),
        ),
        "decode by half, simplejpeg": (jpegs, lambda data: simplejpeg.decode_jpeg(data, **half)),
        "resize, Pillow bilinear": (
            crops,
            lambda part: np.asarray(Image.fromarray(part).resize((size, size), Image.Resampling.BILINEAR)),
        ),
        "resize, Pillow box": (
            crops,
            lambda part: np.asarray(Image.fromarray(part).resize((size, size), Image.Resampling.BOX)),
        ),
        "resize, OpenCV area": (crops, lambda part: cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA)),
        "resize, OpenCV linear": (crops, lambda part: cv2.resize(part, (size, size), interpolation=cv2.INTER_LINEAR)),
    }
    return {name: lambda of=of, do=do: exhaust(map(do, of[:32])) for name, (of, do) in each.items()}


def measure(ways: dict[str, Way], rounds: int, images: int) -> dict[str, np.ndarray]:
    """Returns the seconds of this process that each way takes per image, [rounds]; they take turns."""
    seconds = {name: np.empty(rounds) for name in ways}
    for turn in range(-1, rounds):  # once to warm up
        for name, run in ways.items():
            started = time.process_time()
            run()
            seconds[name][turn] = (time.process_time() - started) / images
    return seconds


def summary(seconds: dict[str, np.ndarray], base: str) -> list[dict[str, float | str]]:
    """Returns what is reported of each way; `ratio` is the time of `base` over its own."""
    rows = []
    for name, times in seconds.items():
        ratios = seconds[base] / times
        low, high = np.quantile(ratios, (0.25, 0.75))
        row = {"name": name, "ms": 1e3 * float(np.median(times)), "ratio": float(np.median(ratios))}
        rows.append({**row, "ratio_low": float(low), "ratio_high": float(high)})
    return rows


def table(rows: list[dict], base: str) -> str:
    lines = [f"| | ms per image | images/s per core | times {base} (quartiles) |", "|---|---:|---:|---:|"]
    for row in rows:
        spread = f"{row['ratio']:.2f} ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"
        lines.append(f"| {row['name']} | {row['ms']:.2f} | {1e3 / row['ms']:,.0f} | {spread} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        jpegs = make_jpegs(pictures(arguments.pictures), arguments.images, root)
        ways = {"Pillow, whole": plain(root, arguments)}
        if importlib.util.find_spec("torchvision"):
            ways["torchvision"] = torchvision(root, arguments)
        else:
            print("torchvision is not installed (the extra `torch`): the plain way with Pillow stands in its place")
        base = list(ways)[-1]
        ways["deepvision"] = ours(root, arguments, "random_resized")
        ways["deepvision, antialias=False"] = ours(root, arguments, "random_resized(antialias=False)")
        loaders = summary(measure(ways, arguments.rounds, arguments.images), base)
        pieces = summary(measure(parts(jpegs, arguments.size), arguments.rounds, 32), "decode, Pillow")
    mean = np.mean([len(data) for data in jpegs]) / 1e3
    text = f"{arguments.images} JPEGs of {WIDTH}x{HEIGHT}, {mean:.0f} kB each, cropped to {arguments.size}:\n\n"
    text += f"{table(loaders, base)}\nThe parts alone:\n\n{table(pieces, 'decode, Pillow')}"
    print(text)
    if arguments.out:
        write(arguments.out / "loader.md", "loader", text)
        results = {"base": base, "kilobytes": float(mean), "loaders": loaders, "parts": pieces}
        (arguments.out / "loader.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
