"""Looking often against boundaries by numerical integration, and its error rate and coverage in simulations."""

from __future__ import annotations

import math

import numpy
import pytest

from headstart.stats.comparisons import Verdict, compare_paired
from headstart.stats.sequential import (
    Decision,
    SequentialDesign,
    compare_sequentially,
    critical_values,
    decide,
    look_every,
)

DESIGN = look_every(1, max_pairs=16)
NUM_SAMPLES = 2_000


def test_boundaries_with_many_pairs_are_those_of_normal_statistics():
    """Five looks, error spent evenly: integrated look by look after Armitage, McPherson and Rowe (1969)."""
    design = SequentialDesign(looks=(2000, 4000, 6000, 8000, 10_000))
    assert critical_values(design) == pytest.approx((2.5758, 2.4920, 2.4108, 2.3391, 2.2755), abs=0.025)


def test_one_look_is_the_t_test():
    assert critical_values(SequentialDesign(looks=(10,))) == pytest.approx((2.262,), abs=0.02)


def test_looks():
    assert look_every(4, max_pairs=20).looks == (6, 10, 14, 18, 20)
    assert look_every(5, min_pairs=10, max_pairs=20).looks == (10, 15, 20)
    assert look_every(1, max_pairs=6).looks == (6,)


def test_under_the_null_it_errs_at_the_nominal_rate_though_it_looks_often():
    samples = numpy.random.default_rng(0).standard_normal((NUM_SAMPLES, DESIGN.max_pairs))
    wrong = numpy.mean([decide(list(sample), DESIGN).decision is Decision.DIFFERENT for sample in samples])
    assert wrong == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / NUM_SAMPLES))


@pytest.mark.parametrize("shape", ["coarse", "heavy_tailed"])
def test_it_errs_no_more_on_scores_of_few_examples_and_with_outliers(shape: str):
    generator = numpy.random.default_rng(1)
    size = (NUM_SAMPLES, DESIGN.max_pairs)
    samples = numpy.round(generator.standard_normal(size)) if shape == "coarse" else generator.standard_t(3, size)
    wrong = numpy.mean([decide(list(sample), DESIGN).decision is Decision.DIFFERENT for sample in samples])
    assert wrong <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / NUM_SAMPLES)


def test_interval_covers_whichever_reason_it_stopped_for():
    samples = numpy.random.default_rng(2).normal(0.7, 1.0, size=(NUM_SAMPLES, DESIGN.max_pairs))
    states = [decide(list(sample), DESIGN, widest=2.2) for sample in samples]
    assert {state.decision for state in states} == {Decision.DIFFERENT, Decision.NARROW, Decision.EXHAUSTED}
    covered = numpy.mean([state.interval is not None and not state.interval.excludes(0.7) for state in states])
    assert covered >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / NUM_SAMPLES)


def test_a_large_gain_stops_early_and_a_small_one_late():
    generator = numpy.random.default_rng(3)
    large = [decide(list(generator.normal(2.5, 1.0, size=16)), DESIGN).num_pairs for _ in range(200)]
    none = [decide(list(generator.normal(0.0, 1.0, size=16)), DESIGN).num_pairs for _ in range(200)]
    assert numpy.mean(large) < 8
    assert numpy.mean(none) > 15


def test_what_is_run_beyond_the_deciding_look_changes_nothing():
    clear = [1.0, 1.1, 0.9, 1.05, 0.95, 1.0]
    state = decide(clear, DESIGN)
    assert state.decision is Decision.DIFFERENT
    assert decide([*clear, -50.0, -50.0], DESIGN) == state
    assert state.is_decided
    assert state.next_look is None
    assert state.num_pairs == 6


def test_states_on_the_way():
    waiting = decide([0.1] * 3, DESIGN)
    assert (waiting.num_pairs, waiting.interval, waiting.next_look) == (0, None, 6)
    unclear = [1.0, -1.0, 0.5, -0.5, 0.3, -0.3, 0.1]
    assert decide(unclear, DESIGN).next_look == 8
    assert decide(unclear, look_every(4, max_pairs=20)).num_pairs == 6
    narrow = decide(unclear, DESIGN, widest=100.0)
    assert (narrow.decision, narrow.num_pairs) == (Decision.NARROW, 6)
    spent = decide(unclear[:6], look_every(1, max_pairs=6))
    assert spent.decision is Decision.EXHAUSTED
    assert spent.is_decided


def test_equal_scores_show_no_difference():
    assert decide([0.0] * 16, DESIGN).decision is Decision.EXHAUSTED


def test_equal_differences_decide_nothing_and_end_it():
    """Deterministic sides: no further seed would say more, and there is no interval to say it with."""
    state = decide([0.005] * 16, DESIGN)
    assert (state.decision, state.num_pairs, state.interval) == (Decision.UNCHANGED, 6, None)
    comparison = compare_sequentially(dict.fromkeys(range(8), 0.7), dict.fromkeys(range(8), 0.695), DESIGN)
    assert comparison is not None
    assert comparison.difference.verdict is Verdict.SEEDS_CHANGE_NOTHING


@pytest.mark.parametrize("looks", [(), (5, 6), (8, 8), (10, 9)])
def test_looks_that_do_not_rise_from_six_are_refused(looks: tuple[int, ...]):
    with pytest.raises(ValueError, match="looks rise"):
        SequentialDesign(looks=looks)


def test_senseless_steps_and_widths_are_refused():
    with pytest.raises(ValueError, match="step of 0"):
        look_every(0, max_pairs=10)
    with pytest.raises(ValueError, match="looks rise"):
        look_every(1, max_pairs=4)
    with pytest.raises(ValueError, match="narrower"):
        decide([0.1], DESIGN, widest=0.0)


def _scores(gain: float, num_seeds: int) -> tuple[dict[int, float], dict[int, float]]:
    noise = 0.01 * numpy.random.default_rng(6).standard_normal(num_seeds)
    return {seed: float(0.7 + gain + value) for seed, value in enumerate(noise)}, dict.fromkeys(range(num_seeds), 0.7)


def test_a_comparison_is_that_of_the_pairs_up_to_the_deciding_look():
    a, b = _scores(0.01, 16)
    comparison = compare_sequentially(a, b, DESIGN)
    assert comparison is not None
    look = comparison.state.num_pairs
    assert 6 < look < 16
    difference, plain = (
        comparison.difference,
        compare_paired(dict(list(a.items())[:look]), dict(list(b.items())[:look])),
    )
    assert plain is not None
    assert plain.interval is not None
    assert (difference.mean, difference.n, difference.differences) == (plain.mean, plain.n, plain.differences)
    assert difference.interval == comparison.state.interval
    assert difference.interval.width > plain.interval.width
    assert difference.verdict is Verdict.BETTER
    assert difference.is_sequential
    assert difference.p_value is None
    assert not plain.is_sequential


def test_seeds_after_the_deciding_look_change_nothing():
    a, b = _scores(0.01, 16)
    first = compare_sequentially(a, b, DESIGN)
    a[15] = 0.1
    assert compare_sequentially(a, b, DESIGN) == first


def test_before_the_first_look_there_is_no_interval_and_no_verdict():
    comparison = compare_sequentially(*_scores(0.05, 5), DESIGN)
    assert comparison is not None
    assert (comparison.difference.n, comparison.difference.interval) == (5, None)
    assert comparison.difference.verdict is Verdict.TOO_FEW_SEEDS
    assert compare_sequentially({0: 1.0}, {1: 1.0}, DESIGN) is None


def test_missing_pairs_count_up_to_the_look():
    a, b = _scores(0.05, 9)
    del a[2], b[8]
    comparison = compare_sequentially(a, b, DESIGN)
    assert comparison is not None
    assert comparison.difference.n == comparison.state.num_pairs == 6
    assert comparison.difference.num_missing_pairs == 1
    assert comparison.difference.differences[-1][0] == 6
