"""Answers that a run left are read back, and a file of something else is refused before it takes memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from headstart.data.examples import Split
from headstart.errors import DamageError
from headstart.experiments.scoring import Scored, as_stored, write_predictions
from headstart.experiments.stored_answers import joined_answers, read_answers


def write(path: Path, **columns: object) -> Path:
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


def test_labels_decisions_and_probabilities_come_back(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet",
        label=[0, 1, 1],
        predicted=[0, 0, 1],
        probability_0=[1, 0.5, 0.25],
        probability_1=[0, 0.5, 0.75],
    )
    answers = read_answers(path)
    assert answers is not None
    assert len(answers) == 3
    assert answers.labels.tolist() == [0, 1, 1]
    assert answers.decisions.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(answers.probabilities, [[1, 0], [0.5, 0.5], [0.25, 0.75]])
    assert read_answers(tmp_path / "none.parquet") is None


def test_lists_of_labels_and_no_probabilities(tmp_path: Path) -> None:
    answers = read_answers(write(tmp_path / "a.parquet", label=[[0, 1], [1, 1]], predicted=[[0, 0], [1, 0]]))
    assert answers is not None
    assert answers.probabilities is None
    assert answers.labels.tolist() == [[0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("groups", "units"),
    [(None, [0, 1, 0, 2]), (("a", "b", "b", "a"), [0, 1, 1, 0]), (("a", "b", "c", "d"), None)],
)
def test_rows_of_one_text_or_group_come_back_as_one_unit(
    tmp_path: Path, groups: tuple[str, ...] | None, units: list[int] | None
) -> None:
    rows = Split.of(texts=(("the same",), ("another",), ("the same",), ("a third",)), labels=(0, 1, 0, 1))
    rows = rows.with_columns(groups=groups)
    labels, answers = np.array(rows.labels), np.eye(2, dtype=np.float32)[[0, 1, 1, 1]]
    scored = Scored(scores={}, labels=labels, decisions=answers.argmax(axis=1), answers=answers)
    write_predictions(scored, tmp_path / "a.parquet", rows)
    found, kept = read_answers(tmp_path / "a.parquet"), as_stored(scored, rows)
    assert found is not None
    for each in (found, kept):
        assert (None if each.units is None else each.units.tolist()) == units
        np.testing.assert_array_equal(each.probabilities, answers)
    names = pyarrow.parquet.read_schema(tmp_path / "a.parquet").names
    assert names == ["label", "predicted", *(["unit"] if units else []), "probability_0", "probability_1"]


UNSIGNED = np.array([2**64 - 1, 5, 2**64 - 1], np.uint64)


@pytest.mark.parametrize("units", [UNSIGNED, [-(2**63), 2**63 - 1, -(2**63)]])
def test_whatever_numbers_units_have_those_of_two_files_stay_apart(tmp_path: Path, units: object) -> None:
    found = read_answers(write(tmp_path / "a.parquet", label=[0, 1, 1], predicted=[0, 0, 1], unit=units))
    assert found is not None
    joined = joined_answers([found, found])
    assert joined is not None
    assert joined.units is not None
    assert [np.flatnonzero(joined.units == each).tolist() for each in dict.fromkeys(joined.units)] == [
        [0, 2], [1], [3, 5], [4]
    ]  # fmt: skip


def test_what_holds_no_answers_is_damage(tmp_path: Path) -> None:
    with pytest.raises(DamageError, match=r"a\.parquet is damaged: it holds no answers: .*label"):
        read_answers(write(tmp_path / "a.parquet", row=[1, 2]))
    for units in (["x", "y"], ["1", "2"], [1, None], [0.25, 0.5], [np.inf, 1.0], [True, False], [[1], [2]], [[], []]):
        with pytest.raises(DamageError, match=r"d\.parquet is damaged: it holds no answers: .* no whole numbers"):
            read_answers(write(tmp_path / "d.parquet", label=[0, 1], predicted=[0, 1], unit=units))
    with pytest.raises(
        DamageError, match=r"b\.parquet is damaged: it holds no answers: has .* and unpacks to 960,000,000"
    ):
        read_answers(
            write(tmp_path / "b.parquet", label=pa.nulls(60_000_000, pa.int64()), predicted=pa.nulls(60_000_000))
        )
    (tmp_path / "c.parquet").write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(DamageError, match=r"c\.parquet is damaged"):
        read_answers(tmp_path / "c.parquet")
