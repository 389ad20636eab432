"""How the numbers of a report were computed, in words, for its reader."""

from __future__ import annotations

from deepvision.ablation.report.contents import Report


def methods(report: Report) -> list[tuple[str, str]]:
    """Returns what was done, and how, of everything that the report shows."""
    shown = [("Numbers", _NUMBERS), ("Intervals", _INTERVALS)]
    if report.table("comparisons"):
        shown += [("Comparisons", _COMPARISONS), ("Effect size", _EFFECT), ("Power", _POWER)]
    if report.table("effects"):
        shown.append(("Effects of the axes", _EFFECTS))
    if report.table("ranks"):
        shown.append(("Ranks", _RANKS))
    return [*shown, ("What this cannot say", _LIMITS)]


_NUMBERS = (
    "One number per seed: the metric over the whole held-out split after the last step. Taking the best evaluation"
    " instead would choose on the split that is reported. A seed sets the initialization, the order of the data,"
    " augmentation and dropout, the same in every arm. A seed whose loss was not finite counts as failed, and is shown"
    " as such."
)
_INTERVALS = (
    "mean ± t(0.975, n − 1) · sd / √n, sd with n − 1 (Student 1908). Beside it the bias-corrected and accelerated"
    " bootstrap interval (Efron 1987; 9,999 resamples, fixed seed), which assumes no distribution and stays within the"
    " data, but is too short for few seeds: it covers the mean of four normal values in about 81 % of cases. Where the"
    " two disagree much, there are too few seeds to know the distribution."
)
_COMPARISONS = (
    "Every arm against the baseline by the differences of equal seeds: paired t-test, two-sided. Of m comparisons the"
    " p-values are corrected by Holm (1979), so that under no effect at all one false call or more has a probability of"
    " 5 % at most. Intervals of differences are of each comparison alone, not corrected."
)
_EFFECT = (
    "d = mean(D) / sd(D) over the paired differences D (Cohen's d_z), g = d times Hedges' correction for few pairs"
    " (1981). P(better) is the share of all pairs of runs, one of each arm, in which the arm's is better, ties counting"
    " half (Agarwal et al. 2021, arXiv 2108.13264)."
)
_POWER = (
    "From the noncentral t distribution, at 80 % power and at the level 5 % / m that Holm asks of the smallest p (Cohen"
    " 1988). The spread it starts from is itself estimated from these few pairs: a rough figure."
)
_EFFECTS = (
    "Balanced analysis of variance with seeds as blocks: fixed effects of the axes, their two-way interactions, higher"
    " orders together, and the interaction of seeds with all of them as the residual (Fisher 1935; Montgomery, section"
    " 5.6). It assumes residuals that are normal and equally spread in all arms."
)
_RANKS = (
    "Arms are ranked by their mean on every data set. Friedman's test (1937) on the mean ranks, and Nemenyi's critical"
    " difference (Demšar 2006)."
)
_LIMITS = (
    "Intervals are over seeds, on one held-out split: they say how the numbers would vary if training were repeated,"
    " not how they would on other data. Hyperparameters are those of the configs below; an arm that needs others is not"
    " shown at its best. “Not told apart” does not mean equal."
)
