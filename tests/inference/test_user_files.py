"""From a user's file to predictions in a file: order, columns, refusals, and nothing left behind."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from headstart.artifacts.bf16_check import Bf16Check
from headstart.artifacts.folder_checks import INFO_FILE
from headstart.artifacts.model_folder import save_model_folder
from headstart.artifacts.model_info import FolderInfo, read_info
from headstart.data.examples import Split
from headstart.errors import DataError, UsageError
from headstart.inference import answering
from headstart.inference import precision as precision_module
from headstart.inference.predict import predict
from headstart.inference.prediction_columns import WantedColumns
from headstart.inference.saved import load_saved_model
from headstart.inference.user_files import evaluate_file, evaluate_task, predict_file
from headstart.manifest import write_manifest
from headstart.store.json_records import write_record
from headstart.tables.file_options import FileOptions
from headstart.tables.stored_reading import StoredReading
from headstart.tasks.published import SUPER_GLUE
from headstart.tasks.task import Task
from tests.support.paths import SHARED_DATA, needs_shared_data
from tests.support.saved import PAIR_TASK, TEXT_TASK, make_example, texts
from tests.support.tiny import make_checkpoint

NEW_COLUMNS = ["predicted_label", "probability_bad", "probability_fair", "probability_good"]


def save(folder: Path, task: Task) -> Path:
    example = make_example(make_checkpoint(folder / "source", "bert"), task=task)
    save_model_folder(example.classifier, example.tokenizer, folder / "model", info=example.info)
    return folder / "model"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("texts"), TEXT_TASK)


@pytest.fixture(scope="module")
def pair_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("pairs"), PAIR_TASK)


def user_rows() -> list[dict[str, Any]]:
    return [{"id": row, "text": text, "note": 'a "quoted", note'} for row, (text,) in enumerate(texts(TEXT_TASK).texts)]


def write_rows(rows: list[dict[str, Any]], path: Path) -> str:
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def read_rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return pyarrow.parquet.read_table(path).to_pylist()


@pytest.mark.parametrize("out", ["out.csv", "out.jsonl", "out.parquet"])
@pytest.mark.parametrize("given", ["in.csv", "in.jsonl", "in.parquet"])
def test_rows_keep_their_order_and_columns(model: Path, tmp_path: Path, given: str, out: str) -> None:
    written = predict_file(model, write_rows(user_rows(), tmp_path / given), tmp_path / out)
    rows = read_rows(tmp_path / out)
    expected = predict(load_saved_model(model), texts(TEXT_TASK))
    assert written.num_rows == len(rows) == 23
    assert list(rows[0]) == ["id", "text", "note", *NEW_COLUMNS]
    assert [int(row["id"]) for row in rows] == list(range(23))
    assert [row["text"] for row in rows] == [row["text"] for row in user_rows()]
    assert {row["note"] for row in rows} == {'a "quoted", note'}
    assert [row["predicted_label"] for row in rows] == expected.predicted_labels
    for row, probabilities in zip(rows, expected.answers.tolist(), strict=True):
        assert [float(row[name]) for name in NEW_COLUMNS[1:]] == pytest.approx(probabilities, abs=1e-6)


def test_numbers_stay_numbers_where_the_formats_have_them(model: Path, tmp_path: Path) -> None:
    predict_file(model, write_rows(user_rows(), tmp_path / "in.jsonl"), tmp_path / "out.jsonl")
    assert [type(value) for value in read_rows(tmp_path / "out.jsonl")[0].values()] == [int, *[str] * 3, *[float] * 3]


def test_pairs_read_both_columns_in_the_task_order(pair_model: Path, tmp_path: Path) -> None:
    rows = [{"second": second, "first": first} for first, second in texts(PAIR_TASK).texts]
    predict_file(pair_model, write_rows(rows, tmp_path / "in.csv"), tmp_path / "out.csv")
    expected = predict(load_saved_model(pair_model), texts(PAIR_TASK))
    assert [row["predicted_label"] for row in read_rows(tmp_path / "out.csv")] == expected.predicted_labels


def test_columns_can_be_named(pair_model: Path, tmp_path: Path) -> None:
    rows = [{"p": first, "q": second} for first, second in texts(PAIR_TASK).texts]
    given = write_rows(rows, tmp_path / "in.csv")
    predict_file(
        pair_model,
        given,
        tmp_path / "out.csv",
        options=FileOptions(text="p", text_pair="q"),
        wanted=WantedColumns(prefix="my_"),
    )
    rows = read_rows(tmp_path / "out.csv")
    assert list(rows[0]) == ["p", "q", "my_predicted_label", "my_probability_no", "my_probability_yes"]
    expected = predict(load_saved_model(pair_model), texts(PAIR_TASK))
    assert [row["my_predicted_label"] for row in rows] == expected.predicted_labels


def test_a_second_text_that_the_model_cannot_read_is_refused(model: Path, tmp_path: Path) -> None:
    given = write_rows(user_rows(), tmp_path / "in.csv")
    with pytest.raises(UsageError, match="`text_pair`"):
        predict_file(model, given, tmp_path / "out.csv", options=FileOptions(text_pair="note"))


def test_a_clash_names_the_prefix_before_the_model_is_loaded(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row | {"predicted_label": "mine"} for row in user_rows()]
    given = write_rows(rows, tmp_path / "in.csv")
    monkeypatch.setattr(answering, "load_saved_model", lambda folder: pytest.fail("the model was loaded"))
    with pytest.raises(UsageError, match=r"predicted_label(.|\n)*`prefix`"):
        predict_file(model, given, tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize("out", ["in.csv", "out.xlsx"])
def test_an_output_that_cannot_be_written_is_refused_first(model: Path, tmp_path: Path, out: str) -> None:
    given = write_rows(user_rows(), tmp_path / "in.csv")
    before = Path(given).read_bytes()
    with pytest.raises(UsageError):
        predict_file(model, given, tmp_path / out)
    assert Path(given).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_nothing_is_left_when_prediction_breaks(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*args: object, **options: object) -> None:
        raise RuntimeError("out of memory")

    given = write_rows(user_rows(), tmp_path / "in.csv")
    monkeypatch.setattr(answering, "predict", out_of_memory)
    with pytest.raises(RuntimeError, match="out of memory"):
        predict_file(model, given, tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_missing_column_is_named(model: Path, tmp_path: Path) -> None:
    given = write_rows([{"body": "the cat"}], tmp_path / "in.csv")
    with pytest.raises(UsageError, match="'text'"):
        predict_file(model, given, tmp_path / "out.csv")


def test_evaluation_reads_labels_by_name(model: Path, tmp_path: Path) -> None:
    answers = predict(load_saved_model(model), texts(TEXT_TASK)).predicted_labels
    wrong = {"bad": "good", "fair": "bad", "good": "fair"}
    rows = [
        row | {"verdict": wrong[answer] if number < 5 else answer, "w": 3 if number < 5 else 0.5}
        for number, (row, answer) in enumerate(zip(user_rows(), answers, strict=True))
    ]
    found = evaluate_file(model, write_rows(rows, tmp_path / "test.csv"))
    assert found.num_rows == 23
    assert found.scores["accuracy"] == pytest.approx(18 / 23)
    weighed = evaluate_file(model, str(tmp_path / "test.csv"), options=FileOptions(weight="w"))
    assert weighed.scores["accuracy"] == pytest.approx(9 / (15 + 9))
    assert sum(each.num_rows for each in weighed.classes) == 23
    assert "rows are weighed by 'w', from 0.5 to 3, in these scores" in weighed.notes


def test_evaluation_refuses_a_label_that_the_model_lacks(model: Path, tmp_path: Path) -> None:
    rows = [row | {"verdict": "bad" if row["id"] else "superb"} for row in user_rows()]
    given = write_rows(rows, tmp_path / "test.csv")
    with pytest.raises(DataError, match=r"test\.csv:2: (.|\n)*superb"):
        evaluate_file(model, given)


@pytest.mark.real
@needs_shared_data
def test_evaluation_on_another_task_with_the_same_labels(tmp_path: Path) -> None:
    """AX-g has RTE's labels and metrics of its own; sizes are the official ones."""
    model = save(tmp_path, SUPER_GLUE["super_glue/rte"])
    scores = evaluate_task(model, "super_glue/axg", data_root=SHARED_DATA)
    assert list(scores.scores) == ["accuracy", "gender_parity"]
    assert scores.num_rows == 356
    with pytest.raises(UsageError, match="their answers differ"):
        evaluate_task(model, "super_glue/cb", data_root=SHARED_DATA)


@pytest.mark.parametrize("chunk_rows", [1, 4, 1000])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_rows_without_a_text_stay_and_get_no_answer(model: Path, tmp_path: Path, suffix: str, chunk_rows: int) -> None:
    rows = [row | {"text": "" if row["id"] % 5 == 0 else row["text"]} for row in user_rows()]
    given, out = write_rows(rows, tmp_path / f"in{suffix}"), tmp_path / f"out{suffix}"
    written = predict_file(model, given, out, chunk_rows=chunk_rows)
    assert (written.num_rows, written.num_incomplete) == (23, 5)
    expected = predict(load_saved_model(model), Split(texts=tuple((row["text"],) for row in rows if row["text"])))
    answers = iter(expected.predicted_labels)
    for row, read in zip(rows, read_rows(out), strict=True):
        assert (read["text"], int(read["id"])) == (row["text"], row["id"])
        assert (read["predicted_label"] or None) == (next(answers) if row["text"] else None)
        assert [bool(read[name]) for name in NEW_COLUMNS[1:]] == [bool(row["text"])] * 3
    assert next(answers, None) is None


def test_a_pair_needs_both_texts(pair_model: Path, tmp_path: Path) -> None:
    rows = [
        {"first": "the cat", "second": None},
        {"first": "the cat", "second": "a dog"},
        {"first": " ", "second": "a"},
    ]
    written = predict_file(pair_model, write_rows(rows, tmp_path / "in.jsonl"), tmp_path / "out.jsonl")
    assert written.num_incomplete == 2
    assert [row["predicted_label"] is None for row in read_rows(tmp_path / "out.jsonl")] == [True, False, True]


def test_the_most_probable_answers_can_be_named(model: Path, tmp_path: Path) -> None:
    given = write_rows(user_rows(), tmp_path / "in.csv")
    predict_file(model, given, tmp_path / "out.csv", wanted=WantedColumns(top=2))
    predict_file(model, given, tmp_path / "all.csv")
    for row, whole in zip(read_rows(tmp_path / "out.csv"), read_rows(tmp_path / "all.csv"), strict=True):
        ranked = sorted(("bad", "fair", "good"), key=lambda name: -float(whole[f"probability_{name}"]))
        assert [row["top_1"], row["top_2"]] == ranked[:2]
        assert [row[f"top_{n}_probability"] for n in (1, 2)] == [whole[f"probability_{name}"] for name in ranked[:2]]
        assert row["predicted_label"] == row["top_1"]
        assert list(row)[3:] == ["predicted_label", "top_1", "top_1_probability", "top_2", "top_2_probability"]


def with_reading(model: Path, folder: Path, reading: StoredReading | None) -> Path:
    """A copy of a model folder whose table was read in some way."""
    shutil.copytree(model, folder)
    kind, info = read_info(folder)
    write_record(folder / INFO_FILE, FolderInfo(kind=kind, info=replace(info, reading=reading)))
    write_manifest(folder)
    return folder


def test_a_file_is_read_as_the_table_of_the_model(model: Path, tmp_path: Path) -> None:
    kept = FileOptions(no_header=True, columns=("verdict", "text"), encoding="cp1252")
    own = with_reading(model, tmp_path / "own", StoredReading.of("train.csv", kept))
    (tmp_path / "in.csv").write_bytes("good,the café\nbad,the dog\n".encode("cp1252"))
    written = predict_file(own, str(tmp_path / "in.csv"), tmp_path / "out.csv")
    assert [row["text"] for row in read_rows(tmp_path / "out.csv")] == ["the café", "the dog"]
    assert written.notes[0] == (
        "read as the model's own table was: `no_header`, `columns` verdict,text, `encoding` 'cp1252'"
    )
    assert evaluate_file(own, str(tmp_path / "in.csv")).notes[0] == written.notes[0]
    with pytest.raises(DataError):
        predict_file(own, str(tmp_path / "in.csv"), tmp_path / "anew.csv", reads_anew=True)


@pytest.mark.parametrize(
    ("parts", "scored"),
    [
        (["train"] * 12 + ["dev"] * 5 + ["test"] * 6, range(17, 23)),
        (["train"] * 12 + ["dev"] * 11, range(12, 23)),
        (["test"] * 23, range(23)),
    ],
)
@pytest.mark.parametrize("is_kept", [False, True])
def test_of_a_column_of_splits_the_test_rows_are_scored(
    model: Path, tmp_path: Path, parts: list[str], scored: range, is_kept: bool
) -> None:
    answers = predict(load_saved_model(model), texts(TEXT_TASK)).predicted_labels
    rows = [
        row | {"verdict": answer if row["id"] in scored else "bad", "part": part}
        for row, answer, part in zip(user_rows(), answers, parts, strict=True)
    ]
    given, options = write_rows(rows, tmp_path / "in.csv"), FileOptions(split_column="part")
    if is_kept:
        model = with_reading(model, tmp_path / "own", StoredReading.of("train.csv", options))
    found = evaluate_file(model, given, options=FileOptions() if is_kept else options)
    assert (found.num_rows, found.scores["accuracy"]) == (len(scored), 1)
    assert f"scored are the {len(scored)} rows that 'part' calls" in " ".join(found.notes)
    assert any("`split_column` 'part'" in note for note in found.notes) == is_kept


def test_hidden_test_labels_leave_the_validation_rows(model: Path, tmp_path: Path) -> None:
    rows = [row | {"verdict": "bad", "part": "validation"} for row in user_rows()[:4]]
    rows += [row | {"verdict": "", "part": "test"} for row in user_rows()[4:9]]
    given = write_rows(rows, tmp_path / "in.csv")
    assert evaluate_file(model, given, options=FileOptions(split_column="part")).num_rows == 4
    given = write_rows([row | {"part": "train"} for row in rows], tmp_path / "train.csv")
    with pytest.raises(DataError, match=r"no labelled row test or validation(.|\n)*`split_column`"):
        evaluate_file(model, given, options=FileOptions(split_column="part"))
    with pytest.raises(DataError, match="no column 'half'"):
        evaluate_file(model, given, options=FileOptions(split_column="half"))


def test_bf16_is_taken_where_it_changes_nothing(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_module, "computes_bf16", lambda device: True)
    given = write_rows(user_rows(), tmp_path / "in.csv")
    for largest, expected in ((0.001, "bf16"), (0.02, "fp32")):
        check = Bf16Check(num_rows=40, num_changed=0, largest_difference=largest)
        own = shutil.copytree(model, tmp_path / expected)
        kind, info = read_info(own)
        write_record(own / INFO_FILE, FolderInfo(kind=kind, info=replace(info, bf16=check)))
        write_manifest(own)
        written = predict_file(own, given, tmp_path / f"{expected}.csv")
        assert written.precision == expected
        assert written.notes == (f"precision: {expected}, since {check}",)
    rows = [read_rows(tmp_path / f"{name}.csv") for name in ("fp32", "bf16")]
    differences = [
        abs(float(one[name]) - float(other[name])) for one, other in zip(*rows, strict=True) for name in NEW_COLUMNS[1:]
    ]
    assert max(differences) > 0
    predict_file(model, given, tmp_path / "plain.csv", precision="fp32")
    assert (tmp_path / "plain.csv").read_bytes() == (tmp_path / "fp32.csv").read_bytes()


def test_a_file_may_be_named_from_home_or_as_an_address(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    given = write_rows([row | {"verdict": "bad"} for row in user_rows()], tmp_path / "in.csv")
    for number, named in enumerate(("~/in.csv", f"file://{given}", given)):
        assert predict_file(model, named, tmp_path / f"{number}.csv").num_rows == 23
        assert evaluate_file(model, named).num_rows == 23
    assert len({(tmp_path / f"{number}.csv").read_bytes() for number in range(3)}) == 1


def test_data_may_lie_under_an_address_of_this_machine_and_in_a_file_with_splits(model: Path, tmp_path: Path) -> None:
    rows = [{"content": {"text": text}, "label": "good"} for (text,) in texts(TEXT_TASK).texts]
    path = tmp_path / "rows in splits.json"
    path.write_text(json.dumps({"train": rows[:20], "test": rows[20:]}))
    named = FileOptions(text="content.text")
    scores = evaluate_file(model, path.as_uri(), options=replace(named, label="label"))
    assert scores.num_rows == 3
    assert "scored are the 3 rows of the test split" in scores.notes
    written = predict_file(model, path.as_uri(), tmp_path / "out.jsonl", options=named)
    assert written.num_rows == 23
    assert [row["split"] for row in read_rows(tmp_path / "out.jsonl")] == ["train"] * 20 + ["test"] * 3
