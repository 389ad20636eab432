"""Restoration of images: degradations, losses, measures, and the task itself."""

from __future__ import annotations

from deepvision.tasks.restoration.degradations import DEGRADATIONS
from deepvision.tasks.restoration.task import Restoration

__all__ = ["DEGRADATIONS", "Restoration"]
