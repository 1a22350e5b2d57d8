"""What is said while runs go on is what the table says when they are done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.comparison.comparison_table import build_comparison
from headstart.comparison.frame import Frame
from headstart.comparison.standing import standing_of
from tests.support.stores import SETTING, fail, make_record


@pytest.mark.parametrize("folds", [None, 3])
@pytest.mark.parametrize("num_seeds", [1, 2, 7])
@pytest.mark.parametrize("base", [0.7, 0.2])
def test_it_is_the_rows_difference_and_interval(num_seeds: int, folds: int | None, base: float):
    records = [make_record(seed=seed, score=base + seed % 4 / 100, folds=folds) for seed in range(num_seeds)]
    records += [make_record("lp_ft", seed, 0.8 + seed % 3 / 100, folds=folds) for seed in range(num_seeds)]
    records.append(fail(make_record("lp_ft", 9, folds=folds)))
    frame = Frame.from_records(records)
    for cell, row in zip(frame.cells, build_comparison(frame).rows, strict=True):
        standing = standing_of(cell, frame)
        assert (standing.num_finished, standing.num_failed) == (row.n, row.num_failed)
        assert standing.mean == (row.summary and row.summary.mean)
        assert standing.difference == (row.difference and row.difference.mean)
        assert standing.interval == (row.difference and row.difference.interval)


def test_what_may_not_be_compared_has_no_difference():
    records = [make_record(), make_record("lp_ft", score=0.8, setting=replace(SETTING, head="mlp"))]
    frame = Frame.from_records(records)
    assert [standing_of(cell, frame).difference for cell in frame.cells] == [None, None]
