"""Transfer of style: what the losses see, and the tasks themselves."""

from __future__ import annotations

from deepvision.tasks.style_transfer.any_style import ArbitraryStyleTransfer
from deepvision.tasks.style_transfer.one_style import StyleTransfer

__all__ = ["ArbitraryStyleTransfer", "StyleTransfer"]
