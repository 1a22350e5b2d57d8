"""A temperature is fitted on held-out answers, and every loader of the folder gets the probabilities that it makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit, logit, softmax
from sklearn.metrics import log_loss
from transformers import pipeline

from headstart.artifacts.temperature import (
    NO_GAIN,
    NO_ROWS,
    NO_WRONG_ANSWERS,
    NOT_LINEAR,
    ONE_WRONG_UNIT,
    PRIVATE,
    Temperature,
)
from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData
from headstart.experiments.stored_answers import StoredAnswers, joined_answers
from headstart.inference.predict import predict
from headstart.inference.saved import load_saved_model
from headstart.kinds.catalogue import kind_named
from headstart.models.classifier import Classifier
from headstart.store.local import LocalStore
from headstart.sweeps import calibrated
from headstart.sweeps.calibrated import calibrate, temperature_of
from headstart.sweeps.export import answers_of, export_run
from headstart.sweeps.serial import SerialExecutor
from headstart.training.config import RunOptions
from tests.conftest import CheckpointMaker
from tests.support.runs import SOURCE, tiny_choices, tiny_experiment
from tests.support.saved import Example, logits_of, make_example, texts

CLASSES, SEVERAL, CHOICE = (kind_named(name) for name in ("classification", "multi_label", "multiple_choice"))


def drawn(scale: float, *, num_rows: int = 4000, num_classes: int = 4) -> StoredAnswers:
    """Labels drawn from their own probabilities, and answers from logits that are `scale` times too large."""
    generator = np.random.default_rng(0)
    logits = 1.5 * generator.standard_normal((num_rows, num_classes))
    thresholds = softmax(logits, axis=1).cumsum(axis=1)[:, :-1]
    labels = (generator.random((num_rows, 1)) > thresholds).sum(axis=1)
    answers = softmax(scale * logits, axis=1).astype(np.float32).astype(np.float64)
    return StoredAnswers(labels=labels, decisions=logits.argmax(axis=1), probabilities=answers)


def several(scale: float) -> StoredAnswers:
    generator = np.random.default_rng(1)
    logits = 2.0 * generator.standard_normal((2000, 3))
    labels = (generator.random(logits.shape) < expit(logits)).astype(np.int64)
    return StoredAnswers(labels=labels, decisions=(logits >= 0).astype(np.int64), probabilities=expit(scale * logits))


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_what_logits_were_stretched_by_is_found(scale: float) -> None:
    found = temperature_of(CLASSES, drawn(scale))
    assert found.value == pytest.approx(scale, rel=0.05)
    assert (found.num_rows, found.reason) == (4000, "")
    assert found.num_wrong == int((drawn(scale).labels != drawn(scale).decisions).sum())
    assert f"{found.value:.3g}" in str(found)


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_several_classes_at_once_share_a_temperature(scale: float) -> None:
    answers = several(scale)
    found = temperature_of(SEVERAL, answers)
    assert found.value == pytest.approx(scale, rel=0.1)
    assert found.num_wrong == int((answers.labels != answers.decisions).sum())
    assert answers.probabilities is not None
    logits = logit(answers.probabilities)
    right = answers.labels.ravel()
    losses = [log_loss(right, expit(logits / t).ravel()) for t in (0.97 * found.value, found.value, 1.03 * found.value)]
    assert losses[1] == min(losses)


def test_choices_that_a_row_lacks_do_not_count() -> None:
    """A row of two choices, padded to three, says of the temperature what it says alone."""
    narrow, wide = drawn(3.0, num_classes=2, num_rows=600), drawn(3.0, num_classes=3, num_rows=600)
    both = joined_answers([narrow, wide])
    assert both is not None
    assert both.probabilities is not None
    assert (both.probabilities[:600, 2] == 0).all()
    alone = temperature_of(CHOICE, narrow).value
    padded = np.pad(narrow.probabilities, ((0, 0), (0, 1)))
    assert temperature_of(
        CHOICE, StoredAnswers(labels=narrow.labels, decisions=narrow.decisions, probabilities=padded)
    ).value == pytest.approx(alone, rel=1e-4)


def rows(num_wrong: int, *, lead: float = 3.0, num_rows: int = 50) -> StoredAnswers:
    logits = np.where(np.arange(num_rows)[:, None] < num_wrong, [0.0, 1.0], [lead, 0.0])
    labels = np.zeros(num_rows, dtype=np.int64)
    return StoredAnswers(labels=labels, decisions=logits.argmax(axis=1), probabilities=softmax(logits, axis=1))


def test_nothing_is_fitted_where_rows_do_not_say_enough() -> None:
    assert temperature_of(CLASSES, None).reason == NO_ROWS
    assert temperature_of(CLASSES, rows(1)).reason == NO_WRONG_ANSWERS
    assert temperature_of(CLASSES, rows(0)).reason == NO_WRONG_ANSWERS
    assert temperature_of(CLASSES, rows(3)).value is not None
    assert temperature_of(CLASSES, drawn(1.0, num_rows=12)).reason == NO_GAIN
    assert str(temperature_of(CLASSES, None)) == f"not fitted: {NO_ROWS}"


def test_rows_of_a_unit_are_wrong_once() -> None:
    copied = replace(rows(3, num_rows=48), units=np.arange(48) // 3)
    assert temperature_of(CLASSES, copied).reason == ONE_WRONG_UNIT
    assert temperature_of(CLASSES, replace(copied, units=np.arange(48))) == temperature_of(
        CLASSES, rows(3, num_rows=48)
    )
    found = temperature_of(CLASSES, replace(rows(9, lead=6.0, num_rows=48), units=np.arange(48) // 3))
    assert (found.num_rows, found.num_wrong, found.num_units) == (48, 9, 16)
    assert "count as one, which leaves 16" in str(found)


def test_of_many_rows_those_that_are_looked_at_may_be_of_one_unit() -> None:
    """Every second row is taken of these, and every second one is of the other group."""
    many = drawn(2.0, num_rows=60_000)
    found = temperature_of(kind_named("classification"), replace(many, units=np.arange(60_000) % 2))
    assert (found.value, found.reason, found.num_units) == (None, ONE_WRONG_UNIT, 2)


def test_units_of_several_files_stay_apart() -> None:
    both = joined_answers([replace(rows(2, num_rows=6), units=np.array([0, 0, 1, 1, 2, 2])), rows(2, num_rows=3)])
    assert both is not None
    assert both.units is not None
    assert both.units.tolist() == [0, 0, 1, 1, 2, 2, 3, 4, 5]


@pytest.mark.parametrize("head", ["native", "mlp", "linear", "fourier_kan"])
def test_the_head_takes_the_temperature_up(head: str, tiny_checkpoint: CheckpointMaker) -> None:
    example = make_example(tiny_checkpoint("roberta"), head=head)
    before = logits(example)
    found = calibrate(example.classifier, drawn(3.0))
    assert found is not None
    assert found.value is not None
    torch.testing.assert_close(logits(example), before / found.value, rtol=1e-4, atol=1e-5)


def test_numbers_and_private_trainings_and_other_heads_have_none(
    tiny_checkpoint: CheckpointMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = make_example(tiny_checkpoint("bert"))
    before = logits(example)
    numbers = Classifier(model=example.classifier.model, head_names=(), labels=(), kind=kind_named("regression"))
    assert calibrate(numbers, drawn(3.0)) is None
    private = calibrate(example.classifier, drawn(3.0), is_private=True)
    monkeypatch.setattr(calibrated, "last_map", lambda classifier: None)
    other = calibrate(example.classifier, drawn(3.0))
    assert private is not None
    assert other is not None
    assert (private.reason, other.reason) == (PRIVATE, NOT_LINEAR)
    assert torch.equal(logits(example), before)


@pytest.mark.parametrize(("strategy", "adapter"), [("finetune", None), ("adapter", "prefix")])
def test_every_loader_of_a_folder_gets_the_probabilities(
    strategy: str,
    adapter: str | None,
    tiny_checkpoint: CheckpointMaker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the run's own answers: the square roots of its probabilities, made to add up to 1."""
    monkeypatch.setattr(calibrated, "temperature_of", lambda kind, held_out: Temperature(value=2.0, num_rows=10))
    store = LocalStore(tmp_path / "store")
    run = Run(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), strategy, adapter)), 0, SOURCE)
    executor = SerialExecutor(store, RunOptions(keep_backbone=True))
    executor.execute([run])
    data, trained = RunData.of(run), answers_of(run, store)
    assert trained is not None
    assert trained.probabilities is not None
    export_run(data, store, tmp_path / "model", executor)
    roots = np.sqrt(trained.probabilities)
    expected = roots / roots.sum(axis=1, keepdims=True)
    loaded = load_saved_model(tmp_path / "model")
    found = predict(loaded, data.report)
    np.testing.assert_allclose(found.answers, expected, atol=1e-5)
    np.testing.assert_array_equal(found.decisions, trained.decisions)
    assert loaded.info.temperature == Temperature(value=2.0, num_rows=10)
    if adapter is None:
        classify = pipeline("text-classification", str(tmp_path / "model"), top_k=None)
        said = classify([text for (text,) in data.report.texts], truncation=True)
        piped = [[{each["label"]: each["score"] for each in row}[name] for name in ("bad", "good")] for row in said]
        np.testing.assert_allclose(piped, expected, atol=1e-5)


def logits(example: Example) -> torch.Tensor:
    return logits_of(example.classifier.model, example.tokenizer, texts(example.info.task))
