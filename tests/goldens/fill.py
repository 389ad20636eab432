"""Reference figures of other libraries' networks, on weights that are a function of their names.

`NAME.npz` holds the logits of the reference (torch 2.13, torchvision 0.28, timm 1.0.31, or a plain torch definition of
the paper's network where neither has it) in float32 and float64, and the names and shapes of its state dictionary. No
weights are stored: every array is drawn from a generator seeded by crc32("seed/name"), by the last part of its name,

    running_var                   uniform in [0.5, 1.5)
    running_mean                  0.1 N(0, 1)
    ...bias                       0.05 N(0, 1)
    rbf_codes                     sign of N(0, 1)
    tokens and positions          0.2 N(0, 1)
    at most one axis above 1      1 + 0.1 N(0, 1)
    anything else                 N(0, gain / fan_in), in the layout [outputs, inputs, ...]

and the input is noise of six octaves, so that global pooling does not average it away, with a random mean per channel.
`facts.json` holds parameters, buffers (without counters and tables of indices) and multiply-accumulates.
"""

from __future__ import annotations

import dataclasses
import json
import math
import zlib
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
FACTS = json.loads((FOLDER / "facts.json").read_text())

_TABLES = (
    *("cls_token", "dist_token", "class_token"),
    *("pos_embed", "pos_embedding", "relative_position_bias_table"),
)
_RULES = {
    "running_var": lambda draw, shape: draw.uniform(0.5, 1.5, shape),
    "running_mean": lambda draw, shape: 0.1 * draw.standard_normal(shape),
    "rbf_codes": lambda draw, shape: np.sign(draw.standard_normal(shape)),
    **{table: lambda draw, shape: 0.2 * draw.standard_normal(shape) for table in _TABLES},
}


@dataclasses.dataclass(frozen=True)
class Golden:
    """A reference network on its weights.

    Attributes:
        weights: name -> array, float32, as in the reference's state dictionary.
        x: images [n, h, w, c], float32.
        figures: what the reference computed, by name; "logits" and "logits64" among them.
        meta: how.
    """

    weights: dict[str, np.ndarray]
    x: np.ndarray
    figures: dict[str, np.ndarray]
    meta: dict


def names() -> list[str]:
    """Returns the names of the networks with figures in evaluation mode."""
    return sorted(path.stem for path in FOLDER.glob("*.npz") if path.stem in FACTS)


def state(name: str) -> dict[str, tuple[int, ...]]:
    """Returns the names and shapes of the reference's state dictionary."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return {entry: tuple(shape) for entry, shape in json.loads(str(file["state"]))}


def golden(name: str) -> Golden:
    """Returns the reference figures of a network, with its weights and input."""
    with np.load(FOLDER / f"{name}.npz") as file:
        figures = {key: file[key] for key in file.files if key not in ("meta", "state")}
        meta = json.loads(str(file["meta"]))
    weights = {entry: weight(entry, shape, meta["seed"], meta["gain"]) for entry, shape in state(name).items()}
    return Golden(weights, images(meta["input"], meta["seed"]), figures, meta)


def weight(name: str, shape: tuple[int, ...], seed: int, gain: float) -> np.ndarray:
    """Returns the array of that name and shape, float32."""
    draw, last = _generator(name, seed), name.rsplit(".", 1)[-1]
    if last in _RULES:
        values = _RULES[last](draw, shape)
    elif last.endswith("bias"):
        values = 0.05 * draw.standard_normal(shape)
    elif sum(axis > 1 for axis in shape) <= 1:
        values = 1 + 0.1 * draw.standard_normal(shape)
    else:
        values = draw.standard_normal(shape) * math.sqrt(gain / math.prod(shape[1:]))
    return values.astype(np.float32)


def images(shape: tuple[int, int, int, int], seed: int) -> np.ndarray:
    """Returns images [n, h, w, c], float32; `shape` is (n, c, h, w), the order in which they are drawn."""
    draw, (n, c, h, w) = _generator("input", seed), shape
    total = np.zeros(shape)
    for octave in range(6):
        side = 2**octave
        coarse = draw.standard_normal((n, c, math.ceil(h / side), math.ceil(w / side)))
        total += coarse.repeat(side, axis=2).repeat(side, axis=3)[:, :, :h, :w]
    total = total / math.sqrt(6) + draw.standard_normal((n, c, 1, 1))
    return total.astype(np.float32).transpose(0, 2, 3, 1)


def _generator(name: str, seed: int) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(f"{seed}/{name}".encode()))
