"""What is learned: one file or folder per task, one line per task here."""

from __future__ import annotations

from deepvision.tasks.classification import Classification
from deepvision.tasks.restoration import Restoration
from deepvision.tasks.segmentation import Segmentation
from deepvision.tasks.task import Task

__all__ = ["TASKS", "Classification", "Restoration", "Segmentation", "Task"]

TASKS = {
    "classification": Classification,
    "restoration": Restoration,
    "segmentation": Segmentation,
}
