"""The verdict: what the statistics support, in words, and nothing beyond.

"Not told apart" is not "equal": a test that finds no difference has not shown that there is none.
"""

from __future__ import annotations

from collections.abc import Sequence

from deepvision.ablation.analysis import Analysis, Comparison, baseline_name
from deepvision.ablation.results import Results

_NAMED = 4  # up to so many arms are called by their names


def verdict(analysis: Analysis) -> str:
    """Returns one sentence on which arms differ from the baseline."""
    results = analysis.results
    if not results.finished:
        return "No arm has finished."
    if not analysis.comparisons and not results.baseline.runs:
        return f"{_best(results)}, but the baseline {results.baseline.name} has no result to compare with."
    if not analysis.comparisons:
        return f"No other arm has finished to compare with {results.baseline.name}."
    tested = [comparison for comparison in analysis.comparisons if comparison.p_holm is not None]
    if not tested:
        few = all(len(comparison.seeds) < 2 for comparison in analysis.comparisons)
        why = "one seed per arm" if few else "differences equal in all seeds"
        return f"{_best(results)}, but with {why} luck cannot be told from merit."
    return _sentence(results, tested)


def power_line(analysis: Analysis) -> str | None:
    """Returns what differences these seeds can show, and how many seeds `delta` would take; None if nobody knows."""
    if analysis.resolvable is None:
        return None
    metric, delta = analysis.results.metric, analysis.results.delta
    low, high = (metric.write(value) for value in analysis.resolvable)
    size = low if low == high else f"{low} (in the arm whose differences vary least) to {high}"
    text = (
        f"With these seeds, a true difference of {size}{metric.difference_unit} would be found in 80 % of repetitions;"
        " smaller ones mostly go unseen."
    )
    if not delta:
        return text
    needed = "more than 100,000" if analysis.seeds_needed is None else f"about {analysis.seeds_needed:,}"
    wanted = f"{metric.write(delta)}{metric.difference_unit}"
    return f"{text} To find {wanted} (config.ablation.delta) in every arm takes {needed} seeds."


def _best(results: Results) -> str:
    arm = results.best[0]
    mean = results.metric.write_mean(results.summary(arm))
    where = f" ({results.problem} {', '.join(next(iter(results.conditions)))})" if len(results.conditions) > 1 else ""
    return f"{arm.name} has the best mean {results.metric.heading}{where}, {mean}"


def _sentence(results: Results, tested: Sequence[Comparison]) -> str:
    parts = []
    for word in ("better", "worse"):
        group = [c for c in tested if c.verdict(results) == word]
        parts += [f"{_called(results, group)} {'is' if len(group) == 1 else 'are'} {word}"] if group else []
    names = [c.arm.name for c in tested if c.verdict(results) == "not told apart"]
    if names:
        others = f"{'the other ' if parts else ''}{len(names)} arms"
        parts.append(f"{_list(names) if len(names) <= _NAMED else others} cannot be told from it")
    seeds = {len(c.seeds) for c in tested}
    many = str(min(seeds)) if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    correction = f", corrected by Holm for {len(tested)} comparisons" if len(tested) > 1 else ""
    return f"Against {baseline_name(results)}, over {many} paired seeds: {'; '.join(parts)} (at 5 %{correction})."


def _called(results: Results, group: Sequence[Comparison]) -> str:
    """Returns the arms with their differences; of many, their number and the farthest."""
    if len(group) <= _NAMED:
        return _list([_with_difference(results, comparison) for comparison in group])
    farthest = max(group, key=lambda comparison: abs(comparison.paired.summary.mean))
    return f"{len(group)} arms, most of all {_with_difference(results, farthest)},"


def _with_difference(results: Results, comparison: Comparison) -> str:
    difference = results.metric.write_difference(comparison.paired.summary.mean)
    failed = comparison.arm.failures
    caveat = f", where {len(failed)} of {comparison.arm.planned} seeds failed" if failed else ""
    return f"{comparison.arm.name} ({difference}{results.metric.difference_unit}{caveat})"


def _list(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
