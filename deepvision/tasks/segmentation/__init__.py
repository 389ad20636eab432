"""Segmentation of images: losses, measures, and the task itself."""

from __future__ import annotations

from deepvision.tasks.segmentation.task import Segmentation

__all__ = ["Segmentation"]
