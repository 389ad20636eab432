"""Statistics over seeds: pure functions on arrays.

`summary` looks at one arm, `paired` at an arm and the baseline, `multiple` corrects many comparisons, `power` says what
the seeds can show, `factorial` takes the axes apart, `ranks` goes over data sets.
"""

from deepvision.ablation.statistics.factorial import Effect, analysis_of_variance
from deepvision.ablation.statistics.multiple import holm
from deepvision.ablation.statistics.paired import Paired, hedges_correction, paired_test, probability_of_improvement
from deepvision.ablation.statistics.power import power, resolvable_difference, seeds_to_resolve
from deepvision.ablation.statistics.ranks import Ranks, mean_ranks
from deepvision.ablation.statistics.summary import Summary, bootstrap_interval, summarize

__all__ = [
    "Effect",
    "Paired",
    "Ranks",
    "Summary",
    "analysis_of_variance",
    "bootstrap_interval",
    "hedges_correction",
    "holm",
    "mean_ranks",
    "paired_test",
    "power",
    "probability_of_improvement",
    "resolvable_difference",
    "seeds_to_resolve",
    "summarize",
]
