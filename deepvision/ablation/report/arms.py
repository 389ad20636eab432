"""The main table: one row per arm, what it reached and what it costs."""

from __future__ import annotations

from deepvision.ablation.report.table import Cell, Column, Row, Table, empty, text, word
from deepvision.ablation.results import ArmResult, Results
from deepvision.ablation.statistics import bootstrap_interval

NONE = "–"
_SPREAD = Column("sd", ("sd",))
_BOOTSTRAP = Column("bootstrap", ("bootstrap95_low", "bootstrap95_high"))
_SEEDS = Column("seeds", ("n", "failed", "not_finished"))
_PARAMETERS = Column("parameters", ("parameters",))
_MACS = Column("MACs", ("macs",))
_SPEED = Column("images/s", ("images_per_second",))
_HIDDEN = Column("", ("seconds", "failure"))


def arms_table(results: Results) -> Table:
    """Returns the table of the metric after the last step; the best mean is bold."""
    metric = Column(results.metric.heading, ("mean", "ci95_low", "ci95_high"))
    seeds = sorted({seed for arm in results.arms for seed in arm.values(results.metric.name)})
    values = Column("", tuple(f"seed_{seed}" for seed in seeds))
    measured = (metric, _SPREAD, _BOOTSTRAP, _SEEDS, _PARAMETERS, _MACS, _SPEED, _HIDDEN, values)
    columns = (*(word(axis) for axis in results.axes), *measured)
    best = {arm.name for arm in results.best}
    rows = tuple(_row(results, arm, measured, seeds, arm.name in best) for arm in results.arms)
    return Table("arms", f"Held-out {results.metric.heading} after the last step", columns, rows, _caption(results))


def _row(results: Results, arm: ArmResult, columns: tuple[Column, ...], seeds: list[int], best: bool) -> Row:
    labels = tuple(map(text, arm.labels))
    found = arm.values(results.metric.name)
    count = Cell(_seeds(arm), (len(arm.runs), len(arm.failures), len(arm.pending)))
    values = Cell("", tuple(found.get(seed) for seed in seeds))
    if not found:
        word = "failed" if arm.failures else "not finished"
        costs = (empty(_PARAMETERS), empty(_MACS), empty(_SPEED), Cell("", (None, arm.failure)))
        return Row((*labels, empty(columns[0], word), empty(_SPREAD), empty(_BOOTSTRAP), count, *costs, values))
    summary, metric = results.summary(arm), results.metric
    mean = Cell(metric.write_mean(summary), (summary.mean, summary.low, summary.high))
    spread = Cell(NONE if summary.sd is None else metric.write(summary.sd), (summary.sd,))
    ends = bootstrap_interval(list(found.values()))
    bootstrap = Cell(f"[{metric.write(ends[0])}, {metric.write(ends[1])}]", ends) if ends else empty(_BOOTSTRAP, NONE)
    return Row((*labels, mean, spread, bootstrap, count, *_costs(arm), values), bold=best)


def _costs(arm: ArmResult) -> tuple[Cell, ...]:
    """Returns parameters, MACs, images/s of every folder, and what is stored only."""
    first = arm.costs[0]
    macs = Cell(f"{first.macs:,}", (first.macs,)) if first.macs is not None else empty(_MACS, NONE)
    speed = " / ".join(f"{cost.images_per_second:,.0f}" for cost in arm.costs)
    return (
        Cell(f"{first.parameters:,}", (first.parameters,)),
        macs,
        Cell(speed, (first.images_per_second,)),
        Cell("", (first.seconds, arm.failure)),
    )


def _seeds(arm: ArmResult) -> str:
    return str(len(arm.runs)) if len(arm.runs) == arm.planned else f"{len(arm.runs)} of {arm.planned}"


def _caption(results: Results) -> str:
    """Says what ± is, and what the best mean stands on."""
    if not results.finished:
        return "No arm has finished."
    several = len(results.conditions) > 1
    best = "Best mean (bold)" + (f" of each {results.problem}" if several else f": {results.best[0].name}")
    if all(len(arm.runs) == 1 for arm in results.finished):
        return f"{best}; one seed per arm, hence no intervals and no way to tell the arms apart."
    speeds = "; images/s of each folder" if any(len(arm.costs) > 1 for arm in results.arms) else ""
    return (
        f"{best}. ± is half the 95 % t-interval of the mean over seeds, sd the standard deviation between seeds,"
        f" bootstrap the 95 % BCa interval{speeds}."
    )
