"""Degradations of images, by name."""

from __future__ import annotations

from deepvision.tasks.restoration.degradations.base import Degradation, Given
from deepvision.tasks.restoration.degradations.blur import Bicubic, GaussianBlur, MotionBlur
from deepvision.tasks.restoration.degradations.jpeg import Jpeg
from deepvision.tasks.restoration.degradations.masks import Boxes, Strokes, Text
from deepvision.tasks.restoration.degradations.noise import Gaussian, Poisson, SaltAndPepper

__all__ = ["DEGRADATIONS", "Degradation"]

DEGRADATIONS = {
    "given": Given,
    "gaussian": Gaussian,
    "poisson": Poisson,
    "salt_and_pepper": SaltAndPepper,
    "jpeg": Jpeg,
    "gaussian_blur": GaussianBlur,
    "motion_blur": MotionBlur,
    "bicubic": Bicubic,
    "boxes": Boxes,
    "strokes": Strokes,
    "text": Text,
}
