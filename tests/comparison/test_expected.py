"""What a recipe expects, held against what came out."""

from __future__ import annotations

import numpy
import pytest

from headstart.comparison.comparison_table import ComparisonTable, build_comparison
from headstart.comparison.expected import expected_lines, read_expected
from headstart.comparison.frame import Frame
from headstart.errors import UsageError
from tests.support.stores import make_record

SCORES = (0.70, 0.72, 0.75, 0.71)


def table(scores: tuple[float, ...] = SCORES) -> ComparisonTable:
    records = [make_record("finetune", seed, score) for seed, score in enumerate(scores)]
    return build_comparison(Frame.from_records(records))


def lines(written: str, found: ComparisonTable) -> list[str]:
    (row,) = found.rows
    return list(expected_lines(read_expected({row.task: {row.label: written}}), found))


@pytest.mark.parametrize("mean", [60.0, 66.0, 66.9, 67.1, 68.0, 72.0, 76.9, 77.2, 90.0])
def test_means_agree_where_two_standard_errors_of_both_overlap(mean: float) -> None:
    """Against the formula: [mean - 2 se, mean + 2 se] on both sides."""
    ours, error = 100 * numpy.mean(SCORES), 100 * numpy.std(SCORES, ddof=1) / 4**0.5
    theirs = 3.0 / 9**0.5
    overlap = ours - 2 * error <= mean + 2 * theirs and mean - 2 * theirs <= ours + 2 * error
    said = lines(f"{mean} +- 3.0 over 9 seeds", table())
    assert said[0].startswith(f"As the recipe expects: {int(overlap)} of 1 means")
    assert len(said) == (1 if overlap else 2)


def test_what_did_not_come_out_is_said() -> None:
    found = table()
    (row,) = found.rows
    said = lines("90.0 +- 3.0 over 9 seeds", found)
    assert said[1] == f"{row.task}, finetune: 72.00 ± 2.16 came out; expected 90.00 ± 2.00."
    other = read_expected({row.task: {"eh_ft(lora)": "90.0 +- 3.0 over 9 seeds"}})
    assert "eh_ft(lora): nothing came out" in list(expected_lines(other, found))[1]
    assert "at a single seed" in lines("70.0 +- 3.0 over 9 seeds", table((0.7,)))[1]


@pytest.mark.parametrize(
    "values",
    [
        {"super_glue/cb": {"finetune": "79.76"}},
        {"super_glue/cb": {"finetune": 79.76}},
        {"super_glue/cb": {"finetune": "79.76 +- 3 over 1 seeds"}},
        {"finetune": "79.76 +- 3 over 6 seeds"},
        ["79.76 +- 3 over 6 seeds"],
    ],
    ids=str,
)
def test_what_cannot_be_held_against_anything_is_refused(values: object) -> None:
    with pytest.raises(UsageError, match="`expected`"):
        read_expected(values)
