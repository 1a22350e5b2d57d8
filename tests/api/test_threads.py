"""What other threads do while a model is trained changes nothing: the bad order is forced, not waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headstart as hs
from headstart.estimators.parameters import read_seed
from headstart.process_state import process_state_kept
from tests.support.runs import tiny_rows
from tests.support.tiny import make_model

CheckpointMaker = Callable[..., Path]
TEXTS = [text for text, _ in tiny_rows(24)]
LABELS = [("bad", "good")[label] for _, label in tiny_rows(24)]
LONG = [" ".join([text] * (1 + number % 9)) for number, text in enumerate(TEXTS)]
PATIENCE = 60.0
"""Seconds until a test gives up."""
A_WHILE = 0.2
"""Seconds in which a thread that does not wait would have come by. A slow machine may miss a fault; it invents none."""


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def classifier(model: Path, **options: Any) -> hs.HeadstartClassifier:
    options = {"strategy": "finetune", "steps": 3, "batch_size": 4, "precision": "fp32", "random_state": 0} | options
    return hs.HeadstartClassifier(str(model), **options)


@dataclass(frozen=True, slots=True)
class Paused:
    """A training that stands in the middle of an update until `let_on` is called."""

    future: Future[Any]
    may_go_on: threading.Event

    def let_on(self) -> Any:
        self.may_go_on.set()
        return self.future.result(PATIENCE)


@pytest.fixture
def paused_training(
    tiny_checkpoint: CheckpointMaker, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Paused]]:
    """Return what starts a training, which then stands where it has seeded torch's generator and draws from it."""
    inside, may_go_on, dropout = threading.Event(), threading.Event(), torch.nn.Dropout.forward

    def held(module: torch.nn.Dropout, inputs: torch.Tensor) -> torch.Tensor:
        if module.training and not inside.is_set():
            inside.set()
            may_go_on.wait(PATIENCE)
        return dropout(module, inputs)

    def start() -> Paused:
        monkeypatch.setattr(torch.nn.Dropout, "forward", held)
        training = pool.submit(lambda: answers_of(classifier(tiny_checkpoint("bert"))))
        assert inside.wait(PATIENCE)
        return Paused(training, may_go_on)

    yield start
    may_go_on.set()


def answers_of(model: hs.HeadstartClassifier) -> Any:
    return model.fit(TEXTS, LABELS).predict_proba(TEXTS)


def test_predictions_in_the_middle_of_an_update_change_nothing(
    tiny_checkpoint: CheckpointMaker, paused_training: Callable[[], Paused]
) -> None:
    fitted = classifier(tiny_checkpoint("bert"))
    alone = answers_of(fitted)
    training = paused_training()
    np.testing.assert_array_equal(fitted.predict_proba(TEXTS), alone)
    np.testing.assert_array_equal(training.let_on(), alone)


def test_what_draws_and_makes_models_waits_for_an_update_where_it_says_so(
    tiny_checkpoint: CheckpointMaker, paused_training: Callable[[], Paused], pool: ThreadPoolExecutor
) -> None:
    """A model that is made in another thread seeds torch's generator, draws from it, and sets it back."""
    alone, weights = answers_of(classifier(tiny_checkpoint("bert"))), make_model("bert").state_dict()
    training, begun = paused_training(), threading.Event()

    def make() -> dict[str, torch.Tensor]:
        begun.set()
        with process_state_kept():
            return make_model("bert").state_dict()

    making = pool.submit(make)
    assert begun.wait(PATIENCE)
    np.testing.assert_array_equal(training.let_on(), alone)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in making.result(PATIENCE).items())


def test_a_seed_is_not_drawn_from_the_numbers_of_a_training(pool: ThreadPoolExecutor) -> None:
    """Fits in threads without `random_state` would otherwise share a seed, and take no number from the generator."""
    np.random.seed(3)
    expected = [read_seed(None), read_seed(None)]
    np.random.seed(3)
    with process_state_kept():
        np.random.seed(0)  # As Trainer does.
        first = pool.submit(read_seed, None)
        threading.Event().wait(A_WHILE)
    assert [first.result(PATIENCE), read_seed(None)] == expected


def test_threads_that_predict_with_one_model_do_not_change_how_the_others_read_texts(
    tiny_checkpoint: CheckpointMaker, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fast tokenizer remembers how the last call truncated; long texts are read once cut and once whole."""
    fitted = classifier(tiny_checkpoint("bert"), strategy="linear_probe", max_length=12).fit(TEXTS, LABELS)
    alone = fitted.predict_proba(LONG)
    tokenizer: Any = fitted._saved.tokenizer
    note_down, others = tokenizer.set_truncation_and_padding, list[Future[Any]]()

    def interrupted(**options: Any) -> None:
        note_down(**options)
        if not others:
            others.append(pool.submit(fitted.predict_proba, LONG))
            threading.Event().wait(A_WHILE)

    monkeypatch.setattr(tokenizer, "set_truncation_and_padding", interrupted)
    np.testing.assert_array_equal(fitted.predict_proba(LONG), alone)
    np.testing.assert_array_equal(others[-1].result(PATIENCE), alone)
