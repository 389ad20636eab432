"""`predict`, and `evaluate` of weights: what the command line makes of files."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import deepvision as dv
from deepvision.cli import app

CLASSES = [f"class_{letter}" for letter in "abcdefghij"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with weights, names of classes, and two images, of which one is broken."""
    folder = tmp_path_factory.mktemp("predict")
    model = dv.create_model("lenet5_modern")
    variables = model.init(jax.random.key(0), jnp.zeros((1, 32, 32, 1)))
    dv.save_weights(folder / "weights.npz", "lenet5_modern", variables)
    (folder / "classes.txt").write_text("\n".join(CLASSES))
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
    (folder / "images").mkdir()
    Image.fromarray(pixels).save(folder / "images" / "good.png")
    (folder / "images" / "broken.png").write_bytes(b"nothing")
    logits = model.apply(variables, jnp.asarray(pixels[None, ..., None] / 255, jnp.float32))
    return folder, np.asarray(jax.nn.softmax(logits[0]))


def words(folder, *more):
    weights, names = str(folder / "weights.npz"), str(folder / "classes.txt")
    return ["predict", "--model", "lenet5_modern", "--weights", weights, "--classes", names, *more]


def test_the_most_probable_classes_come_first(files, capsys):
    folder, probabilities = files
    assert app.main(words(folder, str(folder / "images" / "good.png"), "--top", "3", "--normalize", "unit")) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "good.png" in line)
    cells = [cell.strip() for cell in row.split("│")[2:5]]
    assert cells == [f"{CLASSES[i]} {100 * probabilities[i]:.1f} %" for i in np.argsort(-probabilities)[:3]]


def test_a_broken_image_is_named_and_the_others_are_answered(files, capsys):
    folder, _ = files
    assert app.main(words(folder, str(folder / "images"))) == 2
    captured = capsys.readouterr()
    assert "good.png" in captured.out and "broken.png" not in captured.out
    assert len(captured.err.splitlines()) == 1 and "broken.png: it cannot be read: cannot identify" in captured.err


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--workdir", "runs/a"), "name what predicts"),
        (("--top", "0"), "--top must be at least 1"),
        (("--normalize", "none"), "unknown --normalize 'none'"),
        (("--out", "here"), "--out has no meaning here: --model is for classification"),
        (("--config.seed=1",), "--config.seed=1 changes a field of --config, which is missing"),
    ],
)
def test_mistakes_get_one_line(files, capsys, more, reason):
    folder, _ = files
    assert app.main(words(folder, str(folder / "images" / "good.png"), *more)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and reason in lines[0]


def test_weights_are_evaluated_on_the_data_of_a_config(files, tmp_path, capsys):
    folder, _ = files
    config = tmp_path / "digits32.py"
    config.write_text(
        "from deepvision.config import default_config\n"
        "def get_config():\n"
        "    config = default_config()\n"
        "    config.data.image_size = 32\n"
        "    return config\n"
    )
    assert app.main(["evaluate", "--config", str(config), "--weights", str(folder / "weights.npz")]) == 0
    assert "weights.npz" in capsys.readouterr().out
    assert app.main(["evaluate", "--weights", str(folder / "weights.npz")]) == 2
    assert "--weights needs --config" in capsys.readouterr().err
