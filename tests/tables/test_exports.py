"""Exports of annotation tools, in the shapes that the tools write: each answer is a row, and nothing is lost unsaid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headstart.data.user_rows import read_file
from headstart.errors import DataError
from headstart.kinds.catalogue import kind_named
from headstart.tables.file_options import FileOptions
from headstart.tables.reading import read_table
from headstart.tables.table import Table

CLASSIFICATION = kind_named("classification")


def read(folder: Path, rows: list[dict[str, object]], *, lines: bool = False) -> Table:
    path = folder / ("export.jsonl" if lines else "export.json")
    path.write_text("\n".join(map(json.dumps, rows)) if lines else json.dumps(rows))
    table = read_table(path)
    assert table.faults == ()
    return table


def task(number: int, text: str, *annotations: dict[str, object]) -> dict[str, object]:
    return {"id": number, "data": {"text": text}, "annotations": list(annotations), "predictions": [], "meta": {}}


def annotation(*choices: str, cancelled: bool = False, more: tuple[object, ...] = ()) -> dict[str, object]:
    chosen = {"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": list(choices)}}
    return {"id": 7, "was_cancelled": cancelled, "result": [*([chosen] if choices else []), *more]}


def test_label_studio_has_a_row_for_each_annotation(tmp_path: Path) -> None:
    span = {"from_name": "who", "type": "labels", "value": {"start": 0, "end": 3, "text": "bad", "labels": ["PER"]}}
    stars = {"from_name": "stars", "type": "rating", "value": {"rating": 4}}
    path = {"from_name": "tree", "type": "taxonomy", "value": {"taxonomy": [["food", "soup"]]}}
    table = read(
        tmp_path,
        [
            task(1, "good", annotation("pos"), annotation("neg")),
            task(2, "bad", annotation("neg", "rude", more=(span, stars, path))),
            task(3, "skipped", annotation(cancelled=True)),
            task(4, "nobody did it"),
            task(5, "half", annotation("pos", cancelled=True), annotation("neg")),
        ],
    )
    assert table.columns["text"] == ("good", "good", "bad", "nobody did it", "half")
    assert table.columns["mood"] == (["pos"], ["neg"], ["neg", "rude"], None, ["neg"])
    assert table.columns["stars"] == (None, None, 4, None, None)
    assert table.columns["tree"] == (None, None, ["food > soup"], None, None)
    assert "who" not in table.columns
    assert table.dropped == {"the annotation was cancelled": 1}
    assert table.row_numbers == (0, 0, 1, 3, 4)
    assert "Label Studio" in table.notes[0]


def test_label_studio_json_min_has_one_shape_for_one_and_several_choices(tmp_path: Path) -> None:
    row = {"id": 1, "annotator": 1, "annotation_id": 4, "lead_time": 2.5}
    table = read(
        tmp_path,
        [
            {"text": "a", "tags": "food", "mood": "pos", **row},
            {"text": "b", "tags": {"choices": ["food", "price"]}, "mood": "neg", **row},
            {"text": "c", "mood": "neg", **row},
        ],
    )
    assert table.columns["tags"] == (["food"], ["food", "price"], None)
    assert table.columns["mood"] == ("pos", "neg", "neg")


def test_prodigys_ignored_and_rejected_rows_are_no_rows(tmp_path: Path) -> None:
    base = {"_input_hash": 1, "_task_hash": 2, "label": "POS"}
    answers = ["accept", "ignore", "reject", "accept", "ignore"]
    table = read(tmp_path, [{"text": str(n), "answer": said, **base} for n, said in enumerate(answers)], lines=True)
    assert table.columns["text"] == ("0", "3")
    assert table.dropped == {"answer is 'ignore'": 2, "answer is 'reject'": 1}
    assert table.lines == (1, 4)


def test_prodigys_choices_are_labels(tmp_path: Path) -> None:
    def row(text: str, accept: list[object], style: str, ids: tuple[object, ...] = ("A", "B")) -> dict[str, object]:
        options = [{"id": each, "text": f"option {each}"} for each in ids]
        return {
            **{"text": text, "options": options, "accept": accept, "answer": "accept", "_task_hash": 1},
            "config": {"choice_style": style},
        }

    single = read(tmp_path, [row("a", ["A"], "single"), row("b", [], "single"), row("c", [2], "single", (1, 2))])
    assert single.columns["label"] == ("A", None, "option 2")
    several = read(tmp_path, [row("a", ["A"], "multiple"), row("b", [], "multiple"), row("c", ["A", "B"], "multiple")])
    assert several.columns["label"] == (["A"], [], ["A", "B"])


def test_only_rejected_rows_leave_none(tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    path.write_text('{"text": "a", "answer": "reject", "_task_hash": 1}\n' * 2)
    (fault,) = read_table(path).faults
    assert "has no row left: answer is 'reject' (2)" in str(fault)


def test_spacys_cats_are_labels(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        [
            {"text": "a", "cats": {"POS": 1.0, "NEG": 0.0}},
            {"text": "b", "cats": {"POS": True, "NEG": True}},
            {"text": "c", "cats": {"POS": 0, "NEG": 0}},
            {"text": "d", "cats": {}},
        ],
    )
    assert table.columns == {"text": ("a", "b", "c", "d"), "label": (["POS"], ["POS", "NEG"], [], None)}
    pairs = tmp_path / "pairs.json"
    pairs.write_text(json.dumps([["a", {"cats": {"POS": 1, "NEG": 0}}], ["b", {"cats": {"POS": 0, "NEG": 1}}]]))
    assert read_table(pairs).columns == {"text": ("a", "b"), "label": (["POS"], ["NEG"])}


def test_shares_of_classes_are_columns_and_no_labels(tmp_path: Path) -> None:
    table = read(tmp_path, [{"text": "a", "cats": {"POS": 0.7, "NEG": 0.3}}])
    assert table.columns == {"text": ("a",), "cats.POS": (0.7,), "cats.NEG": (0.3,)}


def test_doccanos_labels(tmp_path: Path) -> None:
    newer = [{"id": 1, "text": "a", "label": ["pos"], "Comments": []}, {"id": 2, "text": "b", "label": []}]
    assert read(tmp_path, newer, lines=True).columns["label"] == (["pos"], [])
    older = [{"id": 1, "text": "a", "annotations": [{"label": 3, "user": 1}], "meta": {}, "annotation_approver": None}]
    assert read(tmp_path, older).columns["label"] == ([3],)


def test_half_labelled_lists_of_one_class(tmp_path: Path) -> None:
    """Empty lists are "none of them", said with the way on where all others hold one label."""
    path = tmp_path / "doccano.jsonl"
    rows = [{"text": f"text {n}", "label": [["pos"], ["neg"], []][n % 3], "Comments": []} for n in range(18)]
    path.write_text("\n".join(map(json.dumps, rows)))
    as_written = read_file(str(path))
    assert str(as_written.kind) == "multi_label"
    assert any("6 rows with an empty list" in note and "`drop_incomplete`" in note for note in as_written.notes)
    with pytest.raises(DataError, match=r"6 lines .*the label \('label'\) is missing"):
        read_file(str(path), FileOptions(kind=CLASSIFICATION))
    labelled = read_file(str(path), FileOptions(kind=CLASSIFICATION, drop_incomplete=True))
    assert len(labelled.splits["train"]) == 12


def test_labels_of_spans_are_refused(tmp_path: Path) -> None:
    for spans in ([[0, 3, "PER"]], [{"start_offset": 0, "end_offset": 3, "label": "PER", "id": 1}]):
        path = tmp_path / "spans.jsonl"
        path.write_text(json.dumps({"text": "Ann ran", "entities" if isinstance(spans[0], dict) else "label": spans}))
        (fault,) = read_table(path).faults
        assert "holds labels of spans" in str(fault)


def test_chats_of_one_question_and_one_answer(tmp_path: Path) -> None:
    def chat(text: str, answer: str) -> dict[str, object]:
        turns = [("system", "Classify."), ("user", text), ("assistant", answer)]
        return {"messages": [{"role": role, "content": said} for role, said in turns]}

    table = read(tmp_path, [chat("fine", "pos"), chat("awful", "neg")], lines=True)
    assert table.columns == {"text": ("fine", "awful"), "label": ("pos", "neg")}


def test_ordinary_rows_are_left_as_they_are(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": "a", "label": "x", "answer": "yes", "accept": [1], "data": "d"}]
    table = read(tmp_path, rows)
    assert {name: values[0] for name, values in table.columns.items()} == rows[0]
    assert table.notes == ()
