"""Every kind of answer from a user's file to predictions and metrics, against answers to the rows one by one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from headstart.artifacts.model_folder import save_model_folder
from headstart.artifacts.saved_model import SavedModel
from headstart.data.examples import Span, Split
from headstart.errors import CheckpointError
from headstart.inference.evaluate import evaluate
from headstart.inference.predict import Predictions, predict
from headstart.inference.saved import load_saved_model
from headstart.inference.user_files import predict_file
from headstart.tasks.published import SUPER_GLUE
from tests.conftest import CheckpointMaker
from tests.support.kinds import TASKS, kind_data
from tests.support.saved import make_example

KINDS = ("multi_label", "regression", "multiple_choice", "spans", "many_classes")


def saved_model(folder: Path, checkpoint: Path, kind: str, **changes: Any) -> SavedModel:
    example = make_example(checkpoint, task=TASKS[kind], head="linear" if kind == "spans" else "native")
    info = dataclasses.replace(example.info, **changes)
    save_model_folder(example.classifier, example.tokenizer, folder, info=info)
    return load_saved_model(folder)


def rows_of(kind: str) -> Split:
    return kind_data(kind).training


def one_by_one(saved: SavedModel, split: Split) -> list[Predictions]:
    return [predict(saved, split.take([row])) for row in range(len(split))]


@pytest.mark.parametrize("kind", KINDS)
def test_examples_get_together_what_they_get_alone(kind: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    saved, split = saved_model(tmp_path / "model", tiny_checkpoint("bert"), kind), rows_of(kind)
    found = predict(saved, split, batch_size=5)
    assert found.kind is TASKS[kind].kind
    for row, alone in enumerate(one_by_one(saved, split)):
        width = alone.answers.shape[1]
        np.testing.assert_allclose(found.answers[row, :width], alone.answers[0], rtol=1e-5, atol=1e-5)
        assert (found.answers[row, width:] == 0).all()
    assert len(np.unique(found.answers.round(5), axis=0)) > 5, "all alike"


@pytest.mark.parametrize("truncation", ["head_tail", "window"])
def test_long_texts_are_read_as_in_training(truncation: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    stride = 2 if truncation == "window" else 0
    saved = saved_model(
        tmp_path / "model", tiny_checkpoint("bert"), "many_classes", truncation=truncation, stride=stride, max_length=8
    )
    words = "the cat sees the dog and every small bird runs and the red fish is not big"
    split = Split(texts=((words,), ("the cat",), (words[::-1],)))
    found = predict(saved, split, batch_size=2)
    assert found.num_truncated == (2 if truncation == "head_tail" else 0)
    short = dataclasses.replace(saved.info, truncation="longest_first", stride=0)
    cut = predict(dataclasses.replace(saved, info=short), split)
    assert np.allclose(found.answers[1], cut.answers[1], atol=1e-6)
    assert not np.allclose(found.answers[0], cut.answers[0], atol=1e-4)


@pytest.mark.parametrize("kind", ["multi_label", "regression", "multiple_choice", "many_classes"])
def test_a_file_of_each_kind(kind: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    saved, split = saved_model(tmp_path / "model", tiny_checkpoint("bert"), kind), rows_of(kind)
    if split.choices is not None:
        split = split.with_columns(choices=tuple((*choices, "the sea")[:3] for choices in split.choices))
    lines = []
    for row in range(len(split)):
        choices = () if split.choices is None else split.choices[row]
        cells = dict(zip(TASKS[kind].choice_columns, choices, strict=True))
        lines.append(json.dumps({"text": split.texts[row][0], **cells}))
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    written = predict_file(tmp_path / "model", str(tmp_path / "in.jsonl"), tmp_path / "out.parquet", chunk_rows=7)
    assert written.num_rows == len(split)
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    expected = one_by_one(saved, split)
    for row, said in zip(table.to_pylist(), expected, strict=True):
        answers = [value for name, value in row.items() if name.startswith("probability_") and value is not None]
        if kind == "regression":
            assert row["predicted_value"] == pytest.approx(said.answers[0, 0], abs=1e-5)
            continue
        assert answers == pytest.approx(said.answers[0].tolist(), abs=1e-5)
        if kind == "multi_label":
            assert written.num_without_label == table["predicted_labels"].to_pylist().count([])
            assert row["predicted_labels"] == [
                name for name, chosen in zip(said.labels, said.answers[0] >= 0.5, strict=True) if chosen
            ]
        elif kind == "multiple_choice":
            assert row["predicted_choice"] == said.answers[0].argmax()
        else:
            assert row["predicted_label"] == said.labels[said.answers[0].argmax()]


def test_words_in_context_from_a_file(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """Places come as characters; a file that names others gets other answers."""
    example = make_example(tiny_checkpoint("bert"), task=SUPER_GLUE["super_glue/wic"], head="linear")
    save_model_folder(example.classifier, example.tokenizer, tmp_path / "model", info=example.info)
    row = {"sentence1": "the cat sees the dog", "sentence2": "a dog", "start2": 2, "end2": 5, "idx": 0}
    places = {"cat": (4, 7), "dog": (17, 20)}
    rows = [row | {"start1": begin, "end1": end} for begin, end in places.values()]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)))
    predict_file(tmp_path / "model", str(tmp_path / "in.jsonl"), tmp_path / "out.parquet")
    found = pyarrow.parquet.read_table(tmp_path / "out.parquet")["probability_true"].to_pylist()
    split = Split.of(
        texts=((row["sentence1"], row["sentence2"]),) * 2,
        spans=tuple(
            (Span(text=0, begin=begin, end=end), Span(text=1, begin=2, end=5)) for begin, end in places.values()
        ),
    )
    expected = predict(load_saved_model(tmp_path / "model"), split).answers[:, 1]
    assert found == pytest.approx(expected.tolist(), abs=1e-6)
    assert abs(found[0] - found[1]) > 1e-4


@pytest.mark.parametrize("kind", ["multi_label", "regression", "multiple_choice", "spans"])
def test_what_the_model_says_itself_is_right(kind: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    saved, split = saved_model(tmp_path / "model", tiny_checkpoint("bert"), kind), rows_of(kind)
    decisions = predict(saved, split).decisions
    if kind == "multi_label":
        labels = tuple(tuple(np.flatnonzero(row).tolist()) for row in decisions)
    else:
        labels = tuple(decisions.tolist())
    found = evaluate(saved, split.with_columns(labels=labels))
    assert list(found.scores) == list(TASKS[kind].metrics)
    assert found.scores[TASKS[kind].main_metric] == pytest.approx(1)
    assert found.num_rows == len(split)
    assert not found.is_degenerate


def test_a_model_that_always_says_the_same_is_called_so(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    saved = saved_model(tmp_path / "model", tiny_checkpoint("bert"), "many_classes")
    saved.classifier.head_tensors()["classifier.weight"].data.zero_()
    assert evaluate(saved, rows_of("many_classes")).is_degenerate


@pytest.mark.parametrize("kind", ["multi_label", "regression", "multiple_choice", "many_classes"])
def test_a_collapsed_model_is_recognised_by_the_spread_of_its_answers(
    kind: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """What is left of a head that is as good as zero are differences of rounding, and decisions that follow them."""
    saved, split = saved_model(tmp_path / "model", tiny_checkpoint("bert"), kind), rows_of(kind)
    assert not evaluate(saved, split).is_degenerate
    for name, tensor in saved.classifier.head_tensors().items():
        tensor.data.mul_(1e-6 if name.endswith("weight") else 0)
    answers = predict(saved, split).answers
    assert len(np.unique(answers[:, 0])) > 1
    assert evaluate(saved, split).is_degenerate


def test_the_best_constant_answer_stands_beside_the_scores(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    saved = saved_model(tmp_path / "model", tiny_checkpoint("bert"), "many_classes")
    split = rows_of("many_classes").with_columns(labels=(0,) + (2,) * (len(rows_of("many_classes")) - 1))
    assert evaluate(saved, split).constant_scores[saved.info.task.main_metric] == pytest.approx(1 - 1 / len(split))


def test_answers_that_are_no_numbers_are_an_error(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    saved = saved_model(tmp_path / "model", tiny_checkpoint("bert"), "regression")
    saved.classifier.head_tensors()["classifier.weight"].data.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="NaN"):
        predict(saved, rows_of("regression"))
