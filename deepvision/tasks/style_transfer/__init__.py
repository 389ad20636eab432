"""Transfer of style: what the loss sees, and the task itself."""

from __future__ import annotations

from deepvision.tasks.style_transfer.task import StyleTransfer

__all__ = ["StyleTransfer"]
