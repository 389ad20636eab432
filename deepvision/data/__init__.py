"""Data: sources of labelled images, and the pipelines that make batches of them."""

from __future__ import annotations

from deepvision.data.augment import AUGMENTATIONS
from deepvision.data.open import open_pipelines
from deepvision.data.pipeline import Pipeline
from deepvision.data.sources import Source, SourceInfo, open_source

__all__ = ["AUGMENTATIONS", "Pipeline", "Source", "SourceInfo", "open_pipelines", "open_source"]
