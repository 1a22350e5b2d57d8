"""Everything that paired seeds say about one difference, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headstart.stats.comparisons import PairedDifference, compare_paired
from headstart.stats.coverage import Method, simulated_coverage
from headstart.stats.effects import EffectSize, ProbabilityOfImprovement, effect_size, probability_of_improvement
from headstart.stats.intervals import Interval, bca_bootstrap, percentile_bootstrap
from headstart.stats.paired_tests import wilcoxon_p_value
from headstart.stats.power import smallest_difference
from headstart.stats.stochastic_order import StochasticOrder, almost_stochastic_order


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapInterval:
    """A bootstrap's interval and the share (0 to 1) of such intervals that hold the true mean, simulated."""

    interval: Interval
    coverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What paired seeds say of a - b; the paired t interval in `difference` is the headline.

    Attributes:
        wilcoxon_p_value: of the signed-rank test; the sign-flip test's is in `difference`.
        effect: standardised difference; None for differences without spread.
        order: whether a's scores lie above b's as a distribution; `reverse_order` whether b's above a's.
        smallest_difference: that this number of pairs with this spread shows at 80 % power, in the scores' unit.
    """

    difference: PairedDifference
    percentile: BootstrapInterval
    bca: BootstrapInterval
    wilcoxon_p_value: float
    effect: EffectSize | None
    improvement: ProbabilityOfImprovement
    order: StochasticOrder
    reverse_order: StochasticOrder
    smallest_difference: float


def paired_evidence(a: Mapping[int, float], b: Mapping[int, float], confidence: float = 0.95) -> Evidence | None:
    """Weigh scores by seed; None when fewer than two seeds are on both sides.

    The bootstraps' coverage is that of 95 % intervals, whatever `confidence` is.
    """
    difference = compare_paired(a, b, confidence)
    if difference is None or difference.standard_deviation is None:
        return None
    values = [value for _, value in difference.differences]
    left = [a[seed] for seed, _ in difference.differences]
    right = [b[seed] for seed, _ in difference.differences]
    return Evidence(
        difference=difference,
        percentile=_with_coverage(percentile_bootstrap(values, confidence), Method.PERCENTILE, len(values)),
        bca=_with_coverage(bca_bootstrap(values, confidence), Method.BCA, len(values)),
        wilcoxon_p_value=wilcoxon_p_value(values),
        effect=effect_size(values, confidence),
        improvement=probability_of_improvement(left, right, confidence),
        order=almost_stochastic_order(left, right, confidence),
        reverse_order=almost_stochastic_order(right, left, confidence),
        smallest_difference=smallest_difference(difference.standard_deviation, len(values)),
    )


def _with_coverage(interval: Interval, method: Method, num_values: int) -> BootstrapInterval:
    coverage = simulated_coverage(method, num_values)
    assert coverage is not None  # simulated from two values on
    return BootstrapInterval(interval=interval, coverage=coverage)
