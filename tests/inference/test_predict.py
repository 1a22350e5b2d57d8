"""Probabilities and metrics of a saved model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.artifacts.model_folder import save_model_folder
from headstart.artifacts.saved_model import SavedModel
from headstart.data.examples import Split
from headstart.inference.evaluate import evaluate
from headstart.inference.predict import predict
from headstart.inference.saved import load_saved_model
from headstart.tasks.task import Task
from tests.support.saved import PAIR_TASK, TEXT_TASK, logits_of, make_example, texts
from tests.support.tiny import make_checkpoint


def saved_model(folder: Path, *, task: Task = TEXT_TASK, head: str = "native") -> SavedModel:
    example = make_example(make_checkpoint(folder / "source", "roberta"), task=task, head=head)
    save_model_folder(example.classifier, example.tokenizer, folder / "model", info=example.info)
    return load_saved_model(folder / "model")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> SavedModel:
    return saved_model(tmp_path_factory.mktemp("saved"))


def test_probabilities_are_the_softmax_of_the_logits(saved: SavedModel) -> None:
    split = texts(TEXT_TASK)
    found = predict(saved, split, batch_size=5)
    expected = torch.softmax(logits_of(saved.model, saved.tokenizer, split), dim=-1).numpy()
    np.testing.assert_allclose(found.answers, expected, atol=1e-6)
    np.testing.assert_allclose(found.answers.sum(axis=1), 1, atol=1e-6)
    assert found.predicted_labels == [TEXT_TASK.labels[index] for index in expected.argmax(axis=1)]
    assert found.num_truncated == sum(len(text.split()) + 2 > saved.info.max_length for (text,) in split.texts)


def test_the_papers_head_of_one_logit_gives_a_probability_for_each_of_two_classes(tmp_path: Path) -> None:
    saved = saved_model(tmp_path, task=PAIR_TASK, head="mlp")
    split = texts(PAIR_TASK)
    found = predict(saved, split)
    first, second = logits_of(saved.model, saved.tokenizer, split).unbind(dim=1)
    positive = torch.sigmoid(second - first).numpy()
    np.testing.assert_allclose(found.answers, np.stack([1 - positive, positive], axis=1), atol=1e-6)


def test_no_rows_have_no_probabilities(saved: SavedModel) -> None:
    found = predict(saved, Split(texts=()))
    assert found.answers.shape == (0, 3)
    assert found.predicted_labels == []


def test_metrics_are_those_of_the_task_by_hand(saved: SavedModel) -> None:
    split = texts(TEXT_TASK)
    answers = predict(saved, split).decisions.tolist()
    labels = tuple(answer if row % 3 else (answer + 1) % 3 for row, answer in enumerate(answers))
    found = evaluate(saved, Split.of(texts=split.texts, labels=labels))
    assert list(found.scores) == ["accuracy", "macro_f1"]
    assert found.scores["accuracy"] == pytest.approx(sum(row % 3 > 0 for row in range(23)) / 23)


def test_evaluation_needs_labels(saved: SavedModel) -> None:
    with pytest.raises(ValueError, match="labelled"):
        evaluate(saved, texts(TEXT_TASK))
