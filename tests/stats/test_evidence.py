"""The collected evidence is what its parts say, at the seeds that both sides have."""

from __future__ import annotations

import numpy
import pytest

from headstart.stats.comparisons import compare_paired
from headstart.stats.evidence import Evidence, weigh_difference
from headstart.stats.intervals import bca_bootstrap, percentile_bootstrap
from headstart.stats.sequential import compare_sequentially, look_every


def paired_evidence(a: dict[int, float], b: dict[int, float]) -> Evidence | None:
    difference = compare_paired(a, b)
    assert difference is not None
    return weigh_difference(difference)


def test_parts_are_computed_at_common_seeds():
    generator = numpy.random.default_rng(0)
    a = {seed: float(0.8 + 0.02 * generator.standard_normal()) for seed in range(8)}
    b = {seed: float(0.7 + 0.02 * generator.standard_normal()) for seed in range(1, 9)}
    evidence = paired_evidence(a, b)
    assert evidence is not None
    differences = [a[seed] - b[seed] for seed in range(1, 8)]
    assert evidence.difference.n == 7
    assert evidence.difference.num_missing_pairs == 2
    assert evidence.percentile.interval == percentile_bootstrap(differences)
    assert evidence.bca.interval == bca_bootstrap(differences)
    assert 0.85 < evidence.percentile.coverage < 0.9
    assert evidence.wilcoxon_p_value == pytest.approx(2 / 2**7)
    assert evidence.effect.value == pytest.approx(numpy.mean(differences) / numpy.std(differences, ddof=1))
    assert evidence.improvement.value == 1.0
    assert evidence.order.violation == 0.0
    assert evidence.reverse_order.violation == 1.0
    assert evidence.smallest_difference > 0.0


def test_under_two_pairs_there_is_nothing_to_weigh():
    assert paired_evidence({0: 0.5}, {0: 0.4}) is None


@pytest.mark.parametrize("gain", [0.0, 0.005])
def test_equal_differences_are_not_weighed(gain: float):
    """They have no spread: an interval, an effect size or a plan from them would claim to be certain."""
    scores = {seed: 0.5 + seed / 100 for seed in range(6)}
    assert paired_evidence({seed: score + gain for seed, score in scores.items()}, scores) is None


def test_nothing_is_weighed_where_seeds_were_added_until_it_was_decided():
    noise = 0.01 * numpy.random.default_rng(0).standard_normal(8)
    comparison = compare_sequentially(
        {seed: 0.75 + value for seed, value in enumerate(noise)},
        dict.fromkeys(range(8), 0.7),
        look_every(1, max_pairs=8),
    )
    assert comparison is not None
    assert comparison.difference.p_value is None
    assert comparison.difference.interval is not None
    assert weigh_difference(comparison.difference) is None
