"""The metrics that arms can be compared by, and how they are written."""

from __future__ import annotations

import dataclasses

from ml_collections import ConfigDict

from deepvision.ablation.statistics import Summary
from deepvision.errors import unknown
from deepvision.tasks import task_class
from deepvision.train.metrics import NEWEST


@dataclasses.dataclass(frozen=True)
class Metric:
    """How a metric is shown: multiplied by `scale`, with `digits` decimals and its unit."""

    name: str
    higher_is_better: bool
    scale: float = 1.0
    unit: str = ""
    digits: int = 4

    @property
    def heading(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def difference_unit(self) -> str:
        """The unit of a difference, with a space in front: that of two percentages is a point."""
        unit = "points" if self.unit == "%" else self.unit
        return f" {unit}" if unit else ""

    def write(self, value: float) -> str:
        return f"{value * self.scale:.{self.digits}f}"

    def write_difference(self, value: float) -> str:
        """Returns the value with its sign, "+0.35", "−1.20"."""
        text = f"{abs(value * self.scale):.{self.digits}f}"
        sign = "" if float(text) == 0 else "−" if value < 0 else "+"
        return sign + text

    def write_mean(self, summary: Summary) -> str:
        """Returns "98.21 ± 0.35"; the mean alone if there is no interval."""
        mean = self.write(summary.mean)
        return mean if summary.half_width is None else f"{mean} ± {self.write(summary.half_width)}"


def _share(name: str, higher_is_better: bool) -> Metric:
    return Metric(name, higher_is_better, scale=100.0, unit="%", digits=2)


_ALL = (
    _share("accuracy", higher_is_better=True),
    _share("top5_accuracy", higher_is_better=True),
    _share("calibration_error", higher_is_better=False),
    Metric("psnr", higher_is_better=True, unit="dB", digits=2),
    Metric("ssim", higher_is_better=True, digits=4),
    _share("mean_iou", higher_is_better=True),
    _share("mean_dice", higher_is_better=True),
    _share("foreground_iou", higher_is_better=True),
    _share("pixel_accuracy", higher_is_better=True),
    _share("rand_score", higher_is_better=True),
    Metric("warping_error", higher_is_better=False, digits=6),
    Metric("loss", higher_is_better=False),
    Metric("content_loss", higher_is_better=False),
    Metric("style_loss", higher_is_better=False),
)
METRICS = {metric.name: metric for metric in _ALL}


def get_metric(name: str) -> Metric:
    """Returns the metric called `name`, which may be that of weights of which an average is evaluated, newest_accuracy.

    Raises:
        UserError: there is none; lists those there are.
    """
    known = METRICS.get(name.removeprefix(NEWEST))
    if known is None:
        raise unknown("metric", name, METRICS)
    return dataclasses.replace(known, name=name)


def metric_of(config: ConfigDict) -> Metric:
    """Returns the metric that the arms of an ablation are compared by.

    Raises:
        UserError: there is no such metric, or no such task.
    """
    return get_metric(config.ablation.metric or task_class(config.task).headline)


def shown_as(name: str) -> Metric:
    """Returns how to write any metric that a run has, also one by which arms cannot be ranked."""
    known = METRICS.get(name.removeprefix(NEWEST)) or Metric(name, higher_is_better=True)
    return dataclasses.replace(known, name=name)
