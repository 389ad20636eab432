"""The whole report as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

from deepvision.ablation.report.contents import Report


def as_json(report: Report) -> str:
    """Returns everything that the tables are made of, a list of records for each."""
    results = report.results
    content = {
        "name": results.name,
        "metric": results.metric.name,
        "higher_is_better": results.metric.higher_is_better,
        "best": results.best[0].name if len(results.best) == 1 else [arm.name for arm in results.best],
        "baseline": results.baseline.name,
        "verdict": report.verdict,
        "power": report.power,
        "notes": report.notes,
        "commands": [study.command for study in results.studies],
        "tables": {table.key: list(table.records()) for table in report.tables},
    }
    return json.dumps(_strict(content), indent=2, ensure_ascii=False) + "\n"


def _strict(value: Any) -> Any:
    """JSON has no infinity: such a number becomes null."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
