"""Rows by their source: folds are cuts of one reading, and all of it can be made again."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.data.user_rows import load_file
from headstart.experiments.bounded_cache import BoundedCache
from headstart.experiments.experiment import Evaluation, TaskSource
from headstart.experiments.task_rows import TaskRows
from headstart.tables import reading as table_reading
from headstart.tables.file_options import FileOptions
from tests.support.runs import SOURCE, tiny_rows

FOLDS = 10


@pytest.fixture
def source(tmp_path: Path) -> TaskSource:
    rows = (f"{text},{('bad', 'good')[label]}\n" for text, label in tiny_rows(60))
    (tmp_path / "rows.csv").write_text("text,label\n" + "".join(rows))
    return TaskSource(name="rows.csv", file=str(tmp_path / "rows.csv"), options=FileOptions(folds=FOLDS))


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list to which every opening of a CSV file is added."""
    opened: list[str] = []
    scan = table_reading.SCANS[".csv"]

    def counted(path, options, chunk_rows):  # type: ignore[no-untyped-def]
        opened.append(path.name)
        return scan(path, options, chunk_rows)

    monkeypatch.setitem(table_reading.SCANS, ".csv", counted)
    return opened


def test_ten_folds_read_the_file_once_and_hold_each_row_once(source: TaskSource, readings: list[str]) -> None:
    rows = TaskRows()
    folds = [rows.of(source.at(seed)) for seed in range(2 * FOLDS)]
    assert readings == ["rows.csv"]
    held = {id(texts) for fold in folds for split in fold.splits.values() for texts in split.texts}
    assert len(held) == 60
    assert len({fold.fingerprint for fold in folds}) == FOLDS


def test_a_fold_of_the_cache_is_the_fold_of_a_reading_of_its_own(source: TaskSource) -> None:
    rows = TaskRows()
    for seed in (3, 0, 9):
        at = source.at(seed)
        assert rows.of(at) == load_file(str(at.file), at.options)


def test_what_had_to_go_is_made_again_equal(source: TaskSource, readings: list[str]) -> None:
    small, large = TaskRows(BoundedCache(max_bytes=1)), TaskRows()
    evaluation = Evaluation(holdout_fraction=0.2, selection_fraction=0.1)
    for _ in range(2):
        for seed in (0, 1):
            at = source.at(seed)
            assert small.of(at) == large.of(at)
            assert small.parts(at, evaluation) == large.parts(at, evaluation)
            assert len(small.kept) == 1
    assert readings.count("rows.csv") > 2


def test_the_parts_of_an_evaluation_are_disjoint_and_named(source: TaskSource) -> None:
    rows, everything = TaskRows(), TaskRows().of(SOURCE)
    plain = rows.parts(SOURCE, Evaluation())
    assert (plain.train, plain.report, len(plain.choose)) == (everything.training, everything.evaluation, 0)
    held = rows.parts(SOURCE, Evaluation(split="holdout", holdout_fraction=0.25, selection_fraction=0.25))
    parts = [set(part.texts) for part in (held.train, held.report, held.choose)]
    assert set.union(*parts) == set(everything.training.texts)
    assert sum(map(len, parts)) == len(set(everything.training.texts))
    assert len(rows.parts(SOURCE, Evaluation(split=None)).report) == 0


def has_many_groups(owners: list[int]) -> bool:
    """Whether there are groups enough for three cuts, one after another: what has one group cannot be cut."""
    return len(set(owners)) > 7 and 3 * max(Counter(owners).values()) <= len(owners)


@settings(deadline=None, max_examples=30)
@given(
    owners=st.lists(st.integers(0, 9), min_size=12, max_size=50).filter(has_many_groups),
    options=st.sampled_from(
        [
            {"validation_fraction": 0.3},
            {"folds": 3, "fold": 2},
            {"validation": "other.csv"},
        ]
    ),
    holdout=st.sampled_from([0.0, 0.2, 0.5]),
    selection=st.sampled_from([0.0, 0.1]),
)
def test_no_group_stands_on_both_sides_of_any_cut(
    owners: list[int], options: dict[str, object], holdout: float, selection: float
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "rows.csv"
        lines = [f"row {row},{'xy'[row % 2]},{owner}\n" for row, owner in enumerate(owners)]
        table.write_text("text,label,customer\n" + "".join(lines))
        if "validation" in options:
            (Path(folder) / "other.csv").write_text("text,label,customer\nnew,x,99\n")
            options = {"validation": str(Path(folder) / "other.csv")}
        source = TaskSource(name="rows.csv", file=str(table), options=FileOptions(group="customer", **options))  # type: ignore[arg-type]
        rows = TaskRows()
        split = "holdout" if holdout else "validation"
        parts = rows.parts(source, Evaluation(split=split, holdout_fraction=holdout, selection_fraction=selection))
        sides = [parts.train, parts.report, parts.choose, rows.of(source).evaluation][: 4 if holdout else 3]
    assert [len(side) > 0 for side in sides[:3]] == [True, True, selection > 0]
    groups = [set(side.groups or ()) for side in sides]
    for one, other in itertools.combinations(groups, 2):
        assert one.isdisjoint(other)


@pytest.mark.parametrize("evaluation", [{"split": "holdout", "holdout_fraction": 0.2}, {"selection_fraction": 0.1}])
def test_answers_to_one_question_stay_together_where_something_is_chosen(
    evaluation: dict[str, object], tmp_path: Path
) -> None:
    rows = [
        {"paragraph": "Tom ate.", "question": f"Who ate {number}?", "answer": answer, "label": right}
        | {"idx": {"paragraph": 0, "question": number, "answer": right}}
        for number in range(20)
        for right, answer in enumerate(("Ann", "Tom"))
    ]
    folder = tmp_path / "super_glue" / "multirc"
    folder.mkdir(parents=True)
    for split in ("train", "validation"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = TaskSource(name="super_glue/multirc", data_root=str(tmp_path))
    parts = TaskRows().parts(source, Evaluation(**evaluation))  # type: ignore[arg-type]
    held = parts.report if evaluation.get("split") else parts.choose
    assert 0 < len(held) < len(rows)
    assert set(held.groups or ()).isdisjoint(parts.train.groups or ())


def test_groups_that_a_given_cut_tears_apart_are_said(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    lines = [f"row {row},{'xy'[row % 2]},{row // 4},{('train', 'dev')[row > 9]}\n" for row in range(16)]
    table.write_text("text,label,customer,part\n" + "".join(lines))
    notes = load_file(str(table), FileOptions(group="customer", split_column="part")).notes
    assert "2 of 6 validation rows have a 'customer' that stands in training too" in notes


def test_each_seed_trains_on_a_draw_of_its_own_and_reports_on_all_rows() -> None:
    rows, few = TaskRows(), replace(SOURCE, rows_per_class=3)
    whole = rows.of(SOURCE)
    draws = [rows.of(few.at(seed)) for seed in range(3)]
    assert [len(draw.training) for draw in draws] == [6, 6, 6]
    assert len({draw.training.texts for draw in draws}) == 3
    assert {draw.fingerprint for draw in draws} == {whole.fingerprint}
    assert all(draw.evaluation is whole.evaluation for draw in draws)


def test_few_rows_of_a_fold_are_training_rows_of_that_fold(source: TaskSource) -> None:
    rows, few = TaskRows(), replace(source, rows_per_class=2)
    for seed in (0, 4):
        whole, drawn = rows.of(source.at(seed)), rows.of(few.at(seed))
        assert set(drawn.training.texts) < set(whole.training.texts)
        assert drawn.evaluation == whole.evaluation


def test_names_of_classes_are_in_every_training_and_in_no_report(source: TaskSource) -> None:
    rows, whole = TaskRows(), replace(source, options=FileOptions(), inner_folds=5)
    names = (("bad",), ("good",))
    for fold in range(5):
        plain, named = (
            rows.parts(whole.at(fold), Evaluation(split="holdout", folds=5, label_names=label_names))
            for label_names in (False, True)
        )
        assert named.report == plain.report
        assert named.train.texts == plain.train.texts + names
        assert named.train.labels == (*(plain.train.labels or ()), 0, 1)
