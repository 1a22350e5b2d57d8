"""Exact tests against SciPy, published worked examples and simulations of the null."""

from __future__ import annotations

import math

import numpy
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from headstart.stats.paired_tests import sign_flip_p_value, wilcoxon_p_value

DARWIN_MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
NUM_SAMPLES = 4_000


def test_fisher_on_darwins_maize():
    """Of 2^15 sign patterns 1,726 are as extreme: p = 0.0527 (Fisher 1935, section 21)."""
    assert sign_flip_p_value(DARWIN_MAIZE) == pytest.approx(1726 / 2**15, abs=1e-12)


def test_wilcoxon_on_darwins_maize():
    """Rank sum 24 of 15 pairs, p = 0.0413 (the example of SciPy's documentation)."""
    assert wilcoxon_p_value(DARWIN_MAIZE) == pytest.approx(0.041259765625, abs=1e-12)


@given(st.lists(st.integers(-40, 40), min_size=2, max_size=9))
def test_sign_flips_agree_with_scipy(counts: list[int]):
    """Whole numbers for SciPy, whose tolerance loses ties of fractions; ours must not mind the unit."""
    expected = scipy.stats.permutation_test(
        (numpy.array(counts),), numpy.sum, permutation_type="samples", n_resamples=numpy.inf
    )
    assert sign_flip_p_value([count / 56 for count in counts]) == pytest.approx(expected.pvalue, abs=1e-9)


@given(st.lists(st.integers(-1000, 1000).filter(bool), min_size=1, max_size=12, unique_by=abs))
def test_wilcoxon_agrees_with_scipy_where_scipy_is_exact(values: list[int]):
    expected = scipy.stats.wilcoxon(values, method="exact").pvalue
    assert wilcoxon_p_value(values) == pytest.approx(expected, abs=1e-12)


def test_wilcoxon_leaves_out_zeros_and_shares_ranks():
    # Ranks 1.5, 1.5, 3 with signs + + +: of 8 sign patterns two are as extreme.
    assert wilcoxon_p_value([0.0, 0.1, 0.1, 0.0, 0.4]) == 0.25
    assert wilcoxon_p_value([0.0, 0.0]) == 1.0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([180, 174, 182, 162, 177, 172, 184, 151], [176, 174, 180, 164, 175, 170, 179, 147], 0.078125),
        ([165, 163, 167, 173, 150, 166], [167, 161, 166, 171, 152, 168], 1.0),
    ],
)
def test_wilcoxon_of_accuracies_is_that_of_the_counts_behind_them(a: list[int], b: list[int], expected: float):
    """Right answers of 200: equal differences of counts are ties, though those of fractions differ in the last bit."""
    assert wilcoxon_p_value([x - y for x, y in zip(a, b, strict=True)]) == expected
    assert wilcoxon_p_value([x / 200 - y / 200 for x, y in zip(a, b, strict=True)]) == expected


@given(st.lists(st.tuples(st.integers(0, 56), st.integers(0, 56)), min_size=6, max_size=12))
def test_p_values_of_accuracies_are_those_of_counts(counts: list[tuple[int, int]]):
    exact = [float(x - y) for x, y in counts]
    rounded = [x / 56 - y / 56 for x, y in counts]
    assert wilcoxon_p_value(rounded) == wilcoxon_p_value(exact)
    assert sign_flip_p_value(rounded) == sign_flip_p_value(exact)


@pytest.mark.parametrize("n", [1, 2, 7, 16])
def test_halves_of_the_patterns_count_as_all_of_them_do(n: int):
    values = numpy.random.default_rng(n).normal(0.4, 1.0, size=n)
    patterns = 1.0 - 2.0 * ((numpy.arange(2**n)[:, None] >> numpy.arange(n)) & 1)
    expected = numpy.mean(numpy.abs(patterns @ values) >= abs(values.sum()) - 1e-9)
    assert sign_flip_p_value(list(values)) == expected


@pytest.mark.parametrize("scale", [1e-13, 1.0, 1e9])
def test_p_values_do_not_mind_the_unit(scale: float):
    differences = [0.3, -0.1, 0.2, 0.25, -0.05, 0.4]
    assert sign_flip_p_value([scale * value for value in differences]) == sign_flip_p_value(differences)


def test_sampled_p_value_is_near_the_normal_one():
    differences = list(numpy.random.default_rng(0).normal(0.3, 1.0, size=60))
    expected = scipy.stats.ttest_1samp(differences, 0.0).pvalue
    assert sign_flip_p_value(differences) == pytest.approx(expected, rel=0.15)
    assert sign_flip_p_value(differences) == sign_flip_p_value(differences)


@pytest.mark.parametrize("test", [sign_flip_p_value, wilcoxon_p_value])
@pytest.mark.parametrize("shape", ["normal", "coarse", "heavy_tailed"])
def test_under_the_null_they_reject_at_most_at_the_nominal_rate(test, shape: str):
    """Exact for every symmetric distribution: at most 5 %, within four standard errors of 4,000 samples."""
    generator = numpy.random.default_rng(4)
    samples = {
        "normal": generator.standard_normal((NUM_SAMPLES, 8)),
        "coarse": numpy.round(generator.standard_normal((NUM_SAMPLES, 8))),
        "heavy_tailed": generator.standard_cauchy((NUM_SAMPLES, 8)),
    }[shape]
    rejected = numpy.mean([test(sample) <= 0.05 for sample in samples])
    assert rejected <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / NUM_SAMPLES)


@pytest.mark.parametrize("test", [sign_flip_p_value, wilcoxon_p_value])
def test_without_ties_they_reject_exactly_at_an_attainable_rate(test):
    """With 8 pairs 10 of 256 patterns (5 each way) make the largest attainable level of 10 / 256."""
    samples = numpy.random.default_rng(5).standard_normal((NUM_SAMPLES, 8))
    level = 10 / 256
    rejected = numpy.mean([test(sample) <= level for sample in samples])
    assert rejected == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) / NUM_SAMPLES))
