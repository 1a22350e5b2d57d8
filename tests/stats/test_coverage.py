"""The coverage table against fresh simulations, a published number, and the page that shows it."""

from __future__ import annotations

import math

import pytest

from benchmarks.coverage import NUMBERS_OF_VALUES, PRINTED_NUMBERS, markdown, simulate, table_text
from headstart.stats.coverage import TABLE_FILE, Method, Shape, coverage_table, simulated_coverage
from tests.support.paths import REPOSITORY

NUM_SAMPLES = 3_000


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("num_values", [3, 10])
def test_table_is_what_another_simulation_measures(shape: Shape, num_values: int):
    """Fewer samples than the table's, within four standard errors of both."""
    measured = simulate(shape, num_values, num_samples=NUM_SAMPLES, num_resamples=2_000)
    for method, share in measured.items():
        stored = simulated_coverage(method, num_values, shape)
        assert stored is not None
        error = math.sqrt(stored * (1 - stored) * (1 / NUM_SAMPLES + 1 / 20_000))
        assert share == pytest.approx(stored, abs=4 * error + 0.004)


@pytest.mark.parametrize("num_values", NUMBERS_OF_VALUES)
def test_t_interval_of_normal_differences_covers_95_percent(num_values: int):
    """Exact by theory; binomial bounds of 20,000 samples at four standard errors."""
    assert simulated_coverage(Method.PAIRED_T, num_values) == pytest.approx(
        0.95, abs=4 * math.sqrt(0.95 * 0.05 / 20_000)
    )


def test_percentile_bootstrap_of_five_covers_84_percent():
    assert simulated_coverage(Method.PERCENTILE, 5) == pytest.approx(0.84, abs=0.01)


def test_in_between_the_nearest_number_below_counts():
    assert simulated_coverage(Method.BCA, 11) == coverage_table()[Shape.NORMAL][Method.BCA][10]
    assert simulated_coverage(Method.BCA, 500) == coverage_table()[Shape.NORMAL][Method.BCA][30]
    assert simulated_coverage(Method.BCA, 1) is None


def test_every_method_and_shape_is_there():
    for shape in Shape:
        for method in Method:
            assert tuple(coverage_table()[shape][method]) == NUMBERS_OF_VALUES
    assert set(PRINTED_NUMBERS) <= set(NUMBERS_OF_VALUES)


def test_page_and_file_hold_the_same_table():
    table = {shape: {method: coverage_table()[shape][method] for method in Method} for shape in Shape}
    page = (REPOSITORY / "docs" / "statistics.md").read_text()
    assert markdown(table) in page
    assert table_text(table, 20_000, 2_000) == TABLE_FILE.read_text()
