"""Everything that paired seeds say about one difference, beside its headline."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.stats.comparisons import PairedDifference
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
        order: whether a's scores lie above b's as a distribution; `reverse_order` whether b's above a's.
        smallest_difference: for which so many pairs of this spread bring a verdict with 80 % power, in the scores'
            unit; None for too few.
    """

    difference: PairedDifference
    percentile: BootstrapInterval
    bca: BootstrapInterval
    wilcoxon_p_value: float
    effect: EffectSize
    improvement: ProbabilityOfImprovement
    order: StochasticOrder
    reverse_order: StochasticOrder
    smallest_difference: float | None


def weigh_difference(difference: PairedDifference) -> Evidence | None:
    """Return what stands behind a difference, everything at 95 % confidence.

    None where nothing of it would hold: without a spread, and where seeds were added until it was decided.
    """
    if difference.standard_deviation is None or difference.is_sequential:
        return None
    values = [value for _, value in difference.differences]
    a, b = zip(*difference.scores, strict=True)
    effect = effect_size(values)
    assert effect is not None  # there is a spread
    return Evidence(
        difference=difference,
        percentile=_with_coverage(percentile_bootstrap(values), Method.PERCENTILE, len(values)),
        bca=_with_coverage(bca_bootstrap(values), Method.BCA, len(values)),
        wilcoxon_p_value=wilcoxon_p_value(values),
        effect=effect,
        improvement=probability_of_improvement(a, b),
        order=almost_stochastic_order(a, b),
        reverse_order=almost_stochastic_order(b, a),
        smallest_difference=smallest_difference(difference.standard_deviation, len(values)),
    )


def _with_coverage(interval: Interval, method: Method, num_values: int) -> BootstrapInterval:
    coverage = simulated_coverage(method, num_values)
    assert coverage is not None  # simulated from two values on
    return BootstrapInterval(interval=interval, coverage=coverage)
