"""The collected evidence is what its parts say, at the seeds that both sides have."""

from __future__ import annotations

import numpy
import pytest

from headstart.stats.comparisons import compare_paired
from headstart.stats.evidence import Evidence, weigh_difference
from headstart.stats.intervals import bca_bootstrap, percentile_bootstrap


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
    assert evidence.effect is not None
    assert evidence.effect.value == pytest.approx(numpy.mean(differences) / numpy.std(differences, ddof=1))
    assert evidence.improvement.value == 1.0
    assert evidence.order.violation == 0.0
    assert evidence.reverse_order.violation == 1.0
    assert evidence.smallest_difference > 0.0


def test_under_two_pairs_there_is_nothing_to_weigh():
    assert paired_evidence({0: 0.5}, {0: 0.4}) is None


def test_equal_scores_are_weighed_too():
    scores = dict.fromkeys(range(6), 0.5)
    evidence = paired_evidence(scores, scores)
    assert evidence is not None
    assert evidence.effect is None
    assert (evidence.wilcoxon_p_value, evidence.difference.p_value) == (1.0, 1.0)
    assert evidence.improvement.value == 0.5
    assert evidence.smallest_difference == 0.0
