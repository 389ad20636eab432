"""Pictures of a restored image."""

from __future__ import annotations

import numpy as np

from deepvision.tasks.pictures import Pictures, to_rgb

GAIN = 5  # by which errors are brightened


def pictures(given: np.ndarray, restored: np.ndarray, truth: np.ndarray | None) -> Pictures:
    """Returns what was given, what came out, and where known the truth and 5 |restored - truth|, mean of the channels.

    Args:
        given: float [h / s, w / s, c] in [0, 1]; a smaller one is shown with its pixels repeated.
        restored: float [h, w, c] in [0, 1].
        truth: [h, w, c], 0 to 255.
    """
    scale = max(restored.shape[0] // given.shape[0], 1)
    shown = {
        "input": to_rgb(255 * given.repeat(scale, axis=0).repeat(scale, axis=1)),
        "output": to_rgb(255 * restored),
    }
    if truth is None:
        return shown
    error = np.abs(255 * np.clip(restored, 0, 1) - truth).mean(axis=-1, keepdims=True)
    return {**shown, "truth": to_rgb(truth), "error": to_rgb(GAIN * error)}
