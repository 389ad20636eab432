"""What the statistics say of an ablation: everything that tables, plots and the verdict are made of."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from deepvision.ablation.results import ArmResult, Results
from deepvision.ablation.statistics import (
    Effect,
    Paired,
    Ranks,
    analysis_of_variance,
    holm,
    mean_ranks,
    paired_test,
    probability_of_improvement,
    resolvable_difference,
    seeds_to_resolve,
)

ALPHA = 0.05


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One arm against its baseline, over the seeds both have finished."""

    arm: ArmResult
    baseline: ArmResult
    seeds: tuple[int, ...]
    paired: Paired | None  # None: no seed in common
    p_holm: float | None  # None: fewer than two seeds in common, or differences without a spread
    better: float | None  # probability of improvement, of the better value being the arm's
    resolvable: float | None  # the difference that these seeds find in 80 % of cases
    seeds_needed: int | None  # to find `delta` in 80 % of cases; None: no delta, no spread known, or too many

    def verdict(self, results: Results) -> str:
        """Returns "better", "worse", "not told apart" or "untested"."""
        if self.p_holm is None:
            return "untested"
        if self.p_holm >= ALPHA:
            return "not told apart"
        return "better" if results.goodness(self.paired.summary.mean) > 0 else "worse"


@dataclasses.dataclass(frozen=True)
class DatasetRanks:
    """Mean ranks over the values of `data.name`, of the arms apart from it."""

    labels: tuple[str, ...]
    ranks: Ranks


@dataclasses.dataclass(frozen=True)
class Analysis:
    """All statistics of an ablation; what cannot be had is empty or None, and `notes` says why."""

    results: Results
    comparisons: tuple[Comparison, ...]
    effects: tuple[Effect, ...]
    ranks: DatasetRanks | None
    notes: tuple[str, ...]

    @property
    def resolvable(self) -> tuple[float, float] | None:
        """The least and the largest difference, over comparisons, that the seeds find in 80 % of cases."""
        known = [comparison.resolvable for comparison in self.comparisons if comparison.resolvable is not None]
        return (min(known), max(known)) if known else None

    @property
    def seeds_needed(self) -> int | None:
        """The seeds that resolve `delta` in 80 % of cases, in the comparison that takes most; None if too many."""
        needed = [comparison.seeds_needed for comparison in self.comparisons if comparison.resolvable is not None]
        return None if None in needed else max(needed, default=None)


def analyse(results: Results) -> Analysis:
    """Compares every arm with its baseline, takes the axes apart, and ranks over data sets where there are several."""
    comparisons = _compare(results)
    effects, why_none = _effects(results)
    ranks, left_out = _ranks(results)
    notes = [*results.notes, *_mixed(results), *_missing(results), *why_none, *left_out]
    return Analysis(results, comparisons, effects, ranks, tuple(notes))


def baseline_of(results: Results, arm: ArmResult) -> ArmResult | None:
    """Returns what `arm` is compared with: the baseline, in the arm's own condition; None if that was not run."""
    wanted = tuple(
        own if field in results.within else base
        for field, own, base in zip(results.fields, arm.labels, results.baseline.labels, strict=True)
    )
    return next((other for other in results.arms if other.labels == wanted), None)


def baseline_name(results: Results) -> str:
    """Returns the baseline's name; of one in every condition, what it has besides that."""
    if len(results.conditions) <= 1:
        return results.baseline.name
    triples = zip(results.fields, results.axes, results.baseline.labels, strict=True)
    named = [f"{axis}={label}" for field, axis, label in triples if field not in results.within]
    return f"{','.join(named)} with the same {results.problem}"


def _compare(results: Results) -> tuple[Comparison, ...]:
    pairs = [(arm, baseline_of(results, arm)) for arm in results.arms]
    pairs = [
        (arm, baseline) for arm, baseline in pairs if baseline and baseline.runs and baseline is not arm and arm.runs
    ]
    tests = [_paired(results, arm, baseline) for arm, baseline in pairs]
    tested = [i for i, (_, test) in enumerate(tests) if test is not None and test.p is not None]
    corrected = dict(zip(tested, holm([tests[i][1].p for i in tested]), strict=True))
    alpha = ALPHA / max(1, len(tested))  # what Holm asks of the smallest p
    return tuple(
        _comparison(results, arm, baseline, *tests[i], corrected.get(i), alpha)
        for i, (arm, baseline) in enumerate(pairs)
    )


def _paired(results: Results, arm: ArmResult, baseline: ArmResult) -> tuple[tuple[int, ...], Paired | None]:
    """Returns the seeds that both arms have finished, and the test over them."""
    ours, theirs = (each.values(results.metric.name) for each in (arm, baseline))
    seeds = tuple(seed for seed in ours if seed in theirs)
    return seeds, paired_test([ours[s] for s in seeds], [theirs[s] for s in seeds]) if seeds else None


def _comparison(
    results: Results,
    arm: ArmResult,
    baseline: ArmResult,
    seeds: tuple[int, ...],
    paired: Paired | None,
    p_holm: float | None,
    alpha: float,
) -> Comparison:
    goodness = [
        [results.goodness(value) for value in each.values(results.metric.name).values()] for each in (arm, baseline)
    ]
    better = probability_of_improvement(*goodness) if all(goodness) else None
    sd = paired.summary.sd if paired else None
    resolvable = resolvable_difference(sd, len(seeds), alpha=alpha) if sd else None
    needed = seeds_to_resolve(results.delta, sd, alpha=alpha) if sd and results.delta else None
    return Comparison(arm, baseline, seeds, paired, p_holm, better, resolvable, needed)


def _mixed(results: Results) -> list[str]:
    """Says whether runs come from different versions or machines."""
    found = {
        str({name: value for name, value in environment.items() if name != "command"})
        for arm in results.arms
        for environment in arm.environments
    }
    many = f"the runs come from {len(found)} environments that differ in versions, commit or hardware"
    return [many] if len(found) > 1 else []


def _missing(results: Results) -> list[str]:
    """Says which arms lack seeds: what is left of them is no fair sample of all."""
    notes = []
    for arm in results.finished:
        if arm.failures:
            notes.append(
                f"{arm.name}: {len(arm.failures)} of {arm.planned} seeds failed; its numbers are those of the other"
                f" {len(arm.runs)}, which flatters it"
            )
        if arm.pending:
            notes.append(f"{arm.name}: {len(arm.pending)} of {arm.planned} seeds are not finished")
    baselines = {id(arm): baseline_of(results, arm) for arm in results.finished}
    alone = [arm.name for arm in results.finished if not (baselines[id(arm)] and baselines[id(arm)].runs)]
    if alone:
        notes.append(f"compared with nothing, since their baseline has no result: {', '.join(alone)}")
    return notes


def _varied(results: Results) -> list[int]:
    """Returns the axes that have more than one value."""
    return [i for i in range(len(results.axes)) if len({arm.labels[i] for arm in results.arms}) > 1]


def _effects(results: Results) -> tuple[tuple[Effect, ...], list[str]]:
    """Takes several axes apart, over the seeds that all arms share; or says why that cannot be done."""
    axes = _varied(results)
    if len(axes) < 2:
        return (), []
    levels = [list(dict.fromkeys(arm.labels[i] for arm in results.arms)) for i in axes]
    cells = {tuple(arm.labels[i] for i in axes): arm.values(results.metric.name) for arm in results.arms}
    missing = [cell for cell in itertools.product(*levels) if not cells.get(cell)]
    if missing:
        return (), [
            f"unbalanced, hence no analysis of variance: combinations of the axes without a result: {len(missing)}, the"
            f" first is {', '.join(missing[0])}"
        ]
    seeds = sorted(set.intersection(*(set(values) for values in cells.values())))
    if len(seeds) < 2:
        return (), ["the arms share fewer than two seeds, hence no analysis of variance"]
    values = [[cells[cell][seed] for seed in seeds] for cell in itertools.product(*levels)]
    table = np.array(values).reshape(*(len(level) for level in levels), len(seeds))
    note = f"unbalanced: the analysis of variance is over the {len(seeds)} seeds that all arms have in common"
    uneven = any(len(values) > len(seeds) for values in cells.values())
    return tuple(analysis_of_variance(table, [results.axes[i] for i in axes])), [note] if uneven else []


def _ranks(results: Results) -> tuple[DatasetRanks | None, list[str]]:
    """Ranks the arms on every data set, if there are several; arms that lack one are left out, and named."""
    if "data.name" not in results.fields:
        return None, []
    at = results.fields.index("data.name")
    datasets = list(dict.fromkeys(arm.labels[at] for arm in results.arms))
    means: dict[tuple[str, ...], dict[str, float]] = {}
    for arm in results.arms:
        rest = arm.labels[:at] + arm.labels[at + 1 :]
        summary = results.summary(arm)
        means.setdefault(rest, {}).update({arm.labels[at]: summary.mean} if summary else {})
    whole = [rest for rest, found in means.items() if len(found) == len(datasets)]
    left_out = [", ".join(rest) for rest in means if rest not in whole]
    notes = [f"not ranked, for lack of a data set: {'; '.join(left_out)}"] if left_out else []
    if len(datasets) < 2 or len(whole) < 2:
        return None, notes
    table = [[means[rest][dataset] for rest in whole] for dataset in datasets]
    return DatasetRanks(tuple(map(", ".join, whole)), mean_ranks(table, results.metric.higher_is_better)), notes
