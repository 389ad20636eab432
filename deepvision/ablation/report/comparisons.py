"""The tables that compare: paired differences to the baseline, effects of the axes, ranks over data sets."""

from __future__ import annotations

from deepvision.ablation.analysis import Analysis, Comparison, baseline_name
from deepvision.ablation.report.arms import NONE
from deepvision.ablation.report.table import Cell, Column, Row, Table, text, word
from deepvision.ablation.results import Results


def comparisons_table(analysis: Analysis) -> Table | None:
    """Returns the table of paired differences; None if there is nothing to compare."""
    results, metric = analysis.results, analysis.results.metric
    if not analysis.comparisons:
        return None
    unit = metric.difference_unit.strip()
    columns = [
        word("arm"),
        Column("", ("baseline",)),
        Column(f"difference ({unit})" if unit else "difference", ("difference", "ci95_low", "ci95_high")),
        word("verdict"),
        Column("p", ("p",)),
        Column("p (Holm)", ("p_holm",)),
        Column("g", ("d_z", "g_z")),
        Column("P(better)", ("probability_of_improvement",)),
        Column("pairs", ("pairs",)),
        Column("resolvable", ("resolvable_difference",)),
    ]
    if results.delta:
        columns.append(Column(f"seeds for {metric.write(results.delta)}", ("seeds_for_delta",)))
    rows = tuple(_comparison(results, comparison) for comparison in analysis.comparisons)
    return Table(
        "comparisons", f"Paired differences to {baseline_name(results)}", tuple(columns), rows, _caption(analysis)
    )


def effects_table(analysis: Analysis) -> Table | None:
    """Returns the analysis of variance; None if there is none."""
    if not analysis.effects:
        return None
    columns = (
        word("source"),
        Column("sum of squares", ("sum_of_squares",)),
        Column("df", ("df",)),
        Column("F", ("F",)),
        Column("p", ("p",)),
        Column("η²", ("eta_squared",)),
    )
    scale = analysis.results.metric.scale**2
    rows = []
    for effect in analysis.effects:
        share = Cell(NONE if effect.eta_squared is None else f"{effect.eta_squared:.3f}", (effect.eta_squared,))
        f = Cell(NONE if effect.f is None else f"{effect.f:.2f}", (effect.f,))
        squares = Cell(f"{effect.sum_of_squares * scale:.4g}", (effect.sum_of_squares,))
        rows.append(Row((text(effect.name), squares, Cell(str(effect.df), (effect.df,)), f, p_value(effect.p), share)))
    caption = (
        "Analysis of variance with seeds as blocks. η² is the share of all squared deviation that the line explains; p"
        " is not corrected for the number of lines. A × B: the effect of one axis depends on the value of the other."
    )
    return Table("effects", "Effects of the axes", columns, tuple(rows), caption)


def ranks_table(analysis: Analysis) -> Table | None:
    """Returns the mean ranks over data sets, the best first; None if there is one data set."""
    if analysis.ranks is None:
        return None
    ranks = analysis.ranks.ranks
    order = sorted(range(len(ranks.mean)), key=ranks.mean.__getitem__)
    columns = (word("arm"), Column("mean rank", ("mean_rank",)))
    rows = [Row((text(analysis.ranks.labels[i]), Cell(f"{ranks.mean[i]:.2f}", (ranks.mean[i],)))) for i in order]
    caption = f"Ranks of the means on each of {ranks.datasets} data sets, 1 being the best."
    if ranks.p is not None:
        caption += (
            f" Friedman's χ² = {ranks.statistic:.2f}, {write_p(ranks.p, 'p')}: rough below ten data sets. Two mean"
            f" ranks differ at 5 % (Nemenyi) if they lie {ranks.critical_difference:.2f} or more apart."
        )
    return Table("ranks", "Mean ranks over data sets", columns, tuple(rows), caption)


def p_value(p: float | None) -> Cell:
    return Cell(NONE if p is None else write_p(p), (p,))


def write_p(p: float, name: str = "") -> str:
    """Returns "0.013" or "<0.001"; with a name "p = 0.013"."""
    text = "<0.001" if p < 0.001 else f"{p:.3f}"
    return text if not name else f"{name} {'< 0.001' if p < 0.001 else '= ' + text}"


def _comparison(results: Results, comparison: Comparison) -> Row:
    metric, paired = results.metric, comparison.paired
    cells = [text(comparison.arm.name), text(comparison.baseline.name), _difference(results, comparison)]
    cells += [text(comparison.verdict(results)), p_value(paired.p if paired else None), p_value(comparison.p_holm)]
    d, g = (paired.d_z, paired.g_z) if paired else (None, None)
    better, resolvable = comparison.better, comparison.resolvable
    cells += [
        Cell(NONE if g is None else f"{g:.2f}".replace("-", "−"), (d, g)),
        Cell(NONE if better is None else f"{better:.2f}", (better,)),
        Cell(str(len(comparison.seeds)), (len(comparison.seeds),)),
        Cell(NONE if resolvable is None else metric.write(resolvable), (resolvable,)),
    ]
    if results.delta:
        needed = comparison.seeds_needed
        cells.append(Cell(NONE if needed is None else f"{needed:,}", (needed,)))
    return Row(tuple(cells))


def _difference(results: Results, comparison: Comparison) -> Cell:
    if comparison.paired is None:
        return Cell("no seed in common", (None, None, None))
    summary, metric = comparison.paired.summary, results.metric
    written = metric.write_difference(summary.mean)
    if summary.half_width is not None:
        written += f" ± {metric.write(summary.half_width)}"
    return Cell(written, (summary.mean, summary.low, summary.high))


def _caption(analysis: Analysis) -> str:
    count = sum(comparison.p_holm is not None for comparison in analysis.comparisons)
    if not count:
        return "Differences between runs of equal seed. No test: fewer than two pairs per arm, or no spread."
    direction = "" if analysis.results.metric.higher_is_better else f" Less {analysis.results.metric.name} is better."
    return (
        f"Differences between runs of equal seed, ± half their 95 % t-interval (of each alone).{direction} p of the"
        f" paired t-test; p (Holm) corrected for all {count}, and the verdict at 5 % of it. g: mean difference"
        " over its standard deviation, with Hedges' correction. P(better): share of all pairs of runs, one of each arm,"
        " in which the arm's is better. resolvable: the true difference that this many pairs find in 80 % of cases."
    )
