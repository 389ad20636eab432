"""What is learned: one file or folder per task, one line per task here."""

from __future__ import annotations

from deepvision.errors import unknown
from deepvision.tasks.classification import Classification
from deepvision.tasks.restoration import Restoration
from deepvision.tasks.segmentation import Segmentation
from deepvision.tasks.style_transfer import ArbitraryStyleTransfer, StyleTransfer
from deepvision.tasks.task import Task

__all__ = [
    "TASKS",
    "ArbitraryStyleTransfer",
    "Classification",
    "Restoration",
    "Segmentation",
    "StyleTransfer",
    "Task",
    "task_class",
]

TASKS = {
    "classification": Classification,
    "restoration": Restoration,
    "segmentation": Segmentation,
    "style_transfer": StyleTransfer,
    "arbitrary_style_transfer": ArbitraryStyleTransfer,
}


def task_class(name: str) -> type[Task]:
    """Returns the task called `name`.

    Raises:
        UserError: there is none; lists those there are.
    """
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]
