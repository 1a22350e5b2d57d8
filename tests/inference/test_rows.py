"""The pass that checks everything first: all faults of the file at once, with their lines, before a model is loaded."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pyarrow as pa
import pytest

from headstart.errors import DataError, UsageError
from headstart.inference import rows as rows_module
from headstart.inference.identity import InputState
from headstart.inference.rows import Checked, Rows, check_rows, needs_tokens, token_check, with_columns
from headstart.models.input_limits import InputLimits
from headstart.tables.file_options import FileOptions
from headstart.tasks.published import SUPER_GLUE
from headstart.tasks.task import Task
from tests.conftest import CheckpointMaker
from tests.support.kinds import TASKS
from tests.support.saved import PAIR_TASK, TEXT_TASK, Example, make_example


@pytest.fixture
def example(tiny_checkpoint: CheckpointMaker) -> Example:
    return make_example(tiny_checkpoint("bert"))


def rows_in(path: Path, task: Task = TEXT_TASK, chunk_rows: int = 4) -> Rows:
    state = InputState.of(str(path))
    return Rows(file=str(path), options=FileOptions(), task=task, state=state, chunk_rows=chunk_rows)


def checked(path: Path, example: Example) -> Checked:
    return check_rows(rows_in(path), token_check(example.info, example.tokenizer, InputLimits()))


def test_the_schema_is_that_of_all_pieces(example: Example, tmp_path: Path) -> None:
    lines = ['{"text": "a", "n": 1}'] * 9 + ['{"text": "b", "n": 2.5, "late": "x"}'] * 2
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    found = checked(tmp_path / "in.jsonl", example)
    assert found.num_rows == 11
    assert found.schema == pa.schema({"text": pa.string(), "n": pa.float64(), "late": pa.string()})


def test_faults_of_all_pieces_are_told_together(example: Example, tmp_path: Path) -> None:
    rows = (f"{row},good\n" if row % 4 else f"{row},good,more\n" for row in range(12))
    (tmp_path / "in.csv").write_text("id,text\n" + "".join(rows))
    with pytest.raises(DataError) as caught:
        checked(tmp_path / "in.csv", example)
    assert [fault.line for fault in caught.value.faults] == [2, 6, 10]


def test_a_fault_of_the_whole_file_is_told_once(example: Example, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,body\n" + "1,good\n" * 20)
    with pytest.raises(DataError) as caught:
        checked(tmp_path / "in.csv", example)
    assert len(caught.value.faults) == 1


def test_a_wrong_file_is_not_read_to_its_end(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MAX_FAULTS", 6)
    (tmp_path / "in.jsonl").write_text('{"text": 1}\n' * 100)
    with pytest.raises(DataError) as caught:
        checked(tmp_path / "in.jsonl", example)
    assert len(caught.value.faults) == 8


def test_rows_that_lack_a_text_are_counted(example: Example, tmp_path: Path) -> None:
    texts = [text if row % 4 else "" for row, text in enumerate(["good"] * 12)]
    (tmp_path / "in.csv").write_text("id,text\n" + "".join(f"{row},{text}\n" for row, text in enumerate(texts)))
    found = checked(tmp_path / "in.csv", example)
    assert (found.num_rows, found.num_incomplete) == (12, 3)


def test_a_file_without_any_text_is_refused(example: Example, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n" + "1,\n" * 20)
    with pytest.raises(DataError, match=r"none of 20 rows is complete: the columns read are 'text'(.|\n)*`text`"):
        checked(tmp_path / "in.csv", example)


def test_only_models_that_may_not_cut_need_tokens_first(example: Example) -> None:
    def needs(task: Task, truncation: str = "longest_first") -> bool:
        info = dataclasses.replace(example.info, task=task, truncation=truncation)
        return needs_tokens(info, example.tokenizer, InputLimits())

    assert not needs(TEXT_TASK)
    assert not needs(PAIR_TASK)
    assert not needs(TEXT_TASK, "window")
    assert needs(PAIR_TASK, "window")
    assert needs(TASKS["spans"])


def test_a_place_that_is_cut_off_is_named_by_its_line(example: Example, tmp_path: Path) -> None:
    rows = []
    for row in range(9):
        text = f"{'cat ' * (40 if row in (1, 6) else 4)}dog"
        rows.append({"sentence1": text, "sentence2": "a dog", "start1": len(text) - 3, "end1": len(text)})
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps(row | {"start2": 2, "end2": 5}) for row in rows))
    task = SUPER_GLUE["super_glue/wic"]
    info = dataclasses.replace(example.info, task=task)
    with pytest.raises(DataError, match=r"in\.jsonl: 2 lines \(2, 7\): .*cut off") as caught:
        check_rows(rows_in(tmp_path / "in.jsonl", task), token_check(info, example.tokenizer, InputLimits()))
    assert {fault.line for fault in caught.value.faults} == {2, 7}


def test_columns_are_taken_by_name(example: Example) -> None:
    task = with_columns(PAIR_TASK, FileOptions(text_pair="q", label="y"))
    assert (task.text_columns, task.label_column) == (("first", "q"), "y")
    assert with_columns(TASKS["multiple_choice"], FileOptions(choices=("x", "y"))).choice_columns == ("x", "y")
    assert with_columns(PAIR_TASK, FileOptions()) == PAIR_TASK


NO_TEXT = dataclasses.replace(TASKS["multiple_choice"], text_columns=())
UNUSED = {
    "`text_pair`": (TEXT_TASK, FileOptions(text_pair="q"), "the model reads one text"),
    "`text`": (NO_TEXT, FileOptions(text="q"), "the model reads choices only"),
    "`choices`": (TEXT_TASK, FileOptions(choices=("a", "b")), "the model reads no choices"),
}


@pytest.mark.parametrize("option", UNUSED)
def test_columns_that_the_model_does_not_read_are_refused(option: str) -> None:
    task, options, message = UNUSED[option]
    with pytest.raises(UsageError, match=rf"^{option} .*no effect: {message}"):
        with_columns(task, options)
