"""What is learned: one file per task, one line per task here."""

from __future__ import annotations

from deepvision.tasks.classification import Classification
from deepvision.tasks.task import Task

__all__ = ["TASKS", "Classification", "Task"]

TASKS = {
    "classification": Classification,
}
