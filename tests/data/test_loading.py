"""Tasks by name: from a local folder, from a hub that cannot be reached, and their faults."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from headstart.data.examples import Span, Split
from headstart.data.loading import fingerprint, load_task
from headstart.errors import DataError, UsageError
from headstart.tasks.catalogue import TASKS
from tests.support.paths import SHARED_DATA, needs_shared_data

ROW = {"sentence1": "a", "sentence2": "b", "label": 0, "idx": 0}


def write_rte(root: Path, train: list[dict[str, object]], validation: list[dict[str, object]]) -> Path:
    folder = root / "glue" / "rte"
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("train", train), ("validation", validation)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return root


def test_a_local_folder_stands_in_for_the_hub(tmp_path: Path) -> None:
    data = load_task("glue/rte", data_root=write_rte(tmp_path, [ROW, {**ROW, "label": 1}], [ROW]))
    assert data.task is TASKS.get("glue/rte")
    assert data.splits["train"] == Split.of(texts=(("a", "b"), ("a", "b")), labels=(0, 1))
    assert data.splits["validation"] == Split.of(texts=(("a", "b"),), labels=(0,))


def test_other_splits_are_read_without_labels(tmp_path: Path) -> None:
    root = write_rte(tmp_path, [ROW], [ROW])
    for label in ({"label": -1}, {}):
        row = {key: value for key, value in ROW.items() if key != "label"} | label
        (root / "glue" / "rte" / "test.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
        data = load_task("glue/rte", data_root=root, splits=("test",))
        assert data.splits == {"test": Split(texts=(("a", "b"),))}
    with pytest.raises(UsageError, match="unknown split of glue/rte 'tset': did you mean 'test'"):
        load_task("glue/rte", data_root=root, splits=("tset",))


def test_a_task_that_is_only_evaluated_on_has_one_split(tmp_path: Path) -> None:
    folder = tmp_path / "glue" / "mnli"
    folder.mkdir(parents=True)
    row = {"premise": "a", "hypothesis": "b", "label": 2}
    (folder / "validation_mismatched.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    data = load_task("glue/mnli_mismatched", data_root=tmp_path)
    assert data.splits == {"validation_mismatched": Split.of(texts=(("a", "b"),), labels=(2,))}
    assert data.evaluation is data.splits["validation_mismatched"]
    with pytest.raises(UsageError, match="no training rows"):
        _ = data.training


def test_a_cut_split_is_said(tmp_path: Path) -> None:
    notes = load_task("glue/rte", data_root=write_rte(tmp_path, [ROW], [ROW])).notes
    assert notes[0] == "the train split of glue/rte has 1 rows here, officially 2490"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"label": 2}, "the label is 2, and not one of 0 to 1"),
        ({"label": -1}, "the label is -1, and not one of 0 to 1"),
        ({"label": True}, "the label is True, and not one of 0 to 1"),
        ({"label": "entailment"}, "the label is 'entailment', and not one of 0 to 1"),
        ({"label": 0.5}, "the label is 0.5, and not one of 0 to 1"),
        ({"sentence1": None}, "'sentence1' is not text but None"),
    ],
)
def test_faulty_rows_are_said_with_their_line(tmp_path: Path, change: dict[str, object], expected: str) -> None:
    with pytest.raises(DataError) as caught:
        load_task("glue/rte", data_root=write_rte(tmp_path, [ROW, {**ROW, **change}], [ROW]))
    (fault,) = caught.value.faults
    assert (fault.line, fault.message) == (2, expected)


def test_missing_columns_files_and_bytes_are_said(tmp_path: Path) -> None:
    root = write_rte(tmp_path, [{"premise": "a", "label": 0}], [ROW])
    with pytest.raises(DataError, match=r"no column 'sentence1'(.|\n)*no column 'sentence2'"):
        load_task("glue/rte", data_root=root)
    (root / "glue" / "rte" / "train.jsonl").write_bytes(b'{"sentence1": "\xff"}\nx\n')
    with pytest.raises(
        DataError, match=r"train.jsonl:1: is not UTF-8(.|\n)*the byte 0xFF(.|\n)*train.jsonl:2: is not JSON"
    ):
        load_task("glue/rte", data_root=root)
    with pytest.raises(UsageError, match=r"cb.train.jsonl is missing(.|\n)*`data_root`"):
        load_task("super_glue/cb", data_root=root)


def test_a_hub_out_of_reach_points_to_the_local_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("Couldn't reach the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(UsageError, match=r"Couldn't reach the Hub(.|\n)*`data_root`"):
        load_task("glue/rte")


def test_the_hub_is_asked_for_the_pinned_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    asked = []

    def answer(repository: str, configuration: str, *, revision: str, split: str) -> object:
        asked.append((repository, configuration, revision, split))
        return datasets.Dataset.from_list([ROW, {**ROW, "label": 1}])

    monkeypatch.setattr(datasets, "load_dataset", answer)
    data = load_task("glue/rte")
    revision = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"
    assert asked == [("nyu-mll/glue", "rte", revision, split) for split in ("train", "validation")]
    assert data.splits["train"] == Split.of(texts=(("a", "b"), ("a", "b")), labels=(0, 1))


def test_the_fingerprint_covers_label_names_texts_and_labels() -> None:
    task = TASKS.get("glue/rte")
    split = Split.of(texts=(("a", "b"),), labels=(0,))
    written = json.dumps(task.labels) + json.dumps(["train", [["a", "b"]], [0]])
    assert fingerprint(task, {"train": split}) == hashlib.sha256(written.encode()).hexdigest()
    spans = split.with_columns(spans=((Span(text=0, begin=0, end=1), Span(text=1, begin=0, end=1)),))
    written = json.dumps(task.labels) + json.dumps(["train", [["a", "b"]], [0], {"spans": [[[0, 0, 1], [1, 0, 1]]]}])
    assert fingerprint(task, {"train": spans}) == hashlib.sha256(written.encode()).hexdigest()
    others = (
        fingerprint(task, {"train": Split.of(texts=(("a", "c"),), labels=(0,))}),
        fingerprint(task, {"train": Split.of(texts=(("a", "b"),), labels=(1,))}),
        fingerprint(task, {"validation": split}),
        fingerprint(TASKS.get("super_glue/cb"), {"train": split}),
    )
    assert len({*others, fingerprint(task, {"train": split})}) == 5


def test_the_fingerprint_covers_choices_places_and_groups() -> None:
    task = TASKS.get("glue/rte")
    here, there = Span(text=0, begin=0, end=1), Span(text=1, begin=0, end=1)
    splits = [
        Split.of(texts=(("a", "b"),), labels=(0,)),
        Split.of(texts=(("a", "b"),), labels=(0,), choices=(("c", "d"),)),
        Split.of(texts=(("a", "b"),), labels=(0,), spans=((here, there),)),
        Split.of(texts=(("a", "b"),), labels=(0,), spans=((there, here),)),
        Split.of(texts=(("a", "b"),), labels=(0,), groups=("g",)),
        Split.of(texts=(("a", "b"),), labels=(0,), weights=(0.5,)),
        Split(texts=(("a", "b"),)),
    ]
    assert len({fingerprint(task, {"train": split}) for split in splits}) == len(splits)


@pytest.mark.real
@needs_shared_data
@pytest.mark.parametrize(
    ("name", "labels", "columns"),
    [
        ("glue/rte", ("entailment", "not_entailment"), ("sentence1", "sentence2")),
        ("super_glue/cb", ("entailment", "contradiction", "neutral"), ("premise", "hypothesis")),
    ],
)
def test_real_tasks_hold_the_rows_of_their_files(name: str, labels: tuple[str, ...], columns: tuple[str, str]) -> None:
    data = load_task(name, data_root=SHARED_DATA)
    assert data.task.labels == labels
    assert data.notes == ()
    for split in ("train", "validation"):
        lines = (SHARED_DATA / name / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        assert data.splits[split].texts == tuple(tuple(row[column] for column in columns) for row in rows)
        assert data.splits[split].labels == tuple(row["label"] for row in rows)
