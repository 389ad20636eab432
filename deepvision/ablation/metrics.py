"""The metrics that arms can be compared by, and how they are written."""

from __future__ import annotations

import dataclasses

from deepvision.ablation.statistics import Summary
from deepvision.errors import unknown


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

    def write(self, value: float) -> str:
        return f"{value * self.scale:.{self.digits}f}"

    def write_mean(self, summary: Summary) -> str:
        """Returns "98.21 ± 0.35"; the mean alone if there is no interval."""
        mean = self.write(summary.mean)
        return mean if summary.half_width is None else f"{mean} ± {self.write(summary.half_width)}"


METRICS = {
    "accuracy": Metric("accuracy", higher_is_better=True, scale=100.0, unit="%", digits=2),
    "top5_accuracy": Metric("top5_accuracy", higher_is_better=True, scale=100.0, unit="%", digits=2),
    "loss": Metric("loss", higher_is_better=False),
}


def get_metric(name: str) -> Metric:
    """Returns the metric called `name`.

    Raises:
        UserError: there is none; lists those there are.
    """
    if name not in METRICS:
        raise unknown("metric", name, METRICS)
    return METRICS[name]
