"""Pictures of labelled pixels."""

from __future__ import annotations

import numpy as np

from deepvision.tasks.pictures import Pictures, class_colours, to_rgb
from deepvision.types import IGNORE

_WRONG = np.array([255, 0, 0])


def pictures(image: np.ndarray, labels: np.ndarray, truth: np.ndarray | None) -> Pictures:
    """Returns the image, the labels in colours, and where known the truth and which pixels are wrong, in red.

    Args:
        image: [h, w, c], 0 to 255.
        labels: int [h, w].
        truth: int [h, w]; `IGNORE` where none counts, which is shown in white.
    """
    colours = class_colours()
    shown = {"input": to_rgb(image), "output": colours[labels]}
    if truth is None:
        return shown
    unknown = (truth == IGNORE)[..., None]
    wrong = (labels != truth)[..., None] & ~unknown
    return {
        **shown,
        "truth": np.where(unknown, 255, colours[truth]).astype(np.uint8),
        "error": np.where(wrong, _WRONG, to_rgb(image) // 2).astype(np.uint8),
    }
