"""When bf16 is taken, and what a model's fit finds out about it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from headstart.artifacts.bf16_check import Bf16Check
from headstart.artifacts.saved_model import SavedModel
from headstart.data.examples import Split
from headstart.errors import UsageError
from headstart.inference import precision as precision_module
from headstart.inference.precision import compare_precisions, prediction_precision
from headstart.inference.predict import predict
from headstart.kinds.catalogue import kind_named
from tests.support.saved import TEXT_TASK, Example, make_example, texts
from tests.support.tiny import make_checkpoint


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return make_example(make_checkpoint(tmp_path_factory.mktemp("bert") / "source", "bert"))


@pytest.fixture
def saved(example: Example) -> SavedModel:
    return SavedModel(
        info=example.info, classifier=example.classifier, model=example.classifier.model, reader=example.tokenizer
    )


@pytest.fixture
def computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every device compute bf16, as far as is asked."""
    monkeypatch.setattr(precision_module, "computes_bf16", lambda device: True)


def check(num_changed: int = 0, largest: float = 0.004) -> Bf16Check:
    return Bf16Check(num_rows=200, num_changed=num_changed, largest_difference=largest)


AUTO = {
    "close": (check(), "bf16", "on 200 held-out rows bf16 changed no decisions and moved answers by up to 0.004"),
    "at the bound": (check(largest=0.01), "bf16", "by up to 0.01"),
    "too far": (check(largest=0.0101), "fp32", "by up to 0.0101 (allowed: none, 0.01)"),
    "another decision": (check(num_changed=1), "fp32", "bf16 changed 1 decision and moved"),
    "other decisions": (check(num_changed=3), "fp32", "bf16 changed 3 decisions and moved"),
    "not compared": (None, "fp32", "this model was not compared with itself in bf16"),
}


@pytest.mark.parametrize("case", AUTO)
def test_auto_takes_bf16_where_nothing_that_counts_changed(case: str, example: Example, computes: None) -> None:
    measured, name, reason = AUTO[case]
    found = prediction_precision("auto", dataclasses.replace(example.info, bf16=measured), "cpu")
    assert found.name == name
    assert found.reason.startswith(f"precision: {name}, since ")
    assert reason in found.reason


def test_a_precision_by_name_needs_no_reason(example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    info = dataclasses.replace(example.info, bf16=check())
    assert [prediction_precision(name, info, "cpu").name for name in ("fp32", "bf16")] == ["fp32", "bf16"]
    assert not prediction_precision("bf16", info, "cpu").reason
    monkeypatch.setattr(precision_module, "computes_bf16", lambda device: False)
    assert prediction_precision("auto", info, "cpu").name == "fp32"
    with pytest.raises(UsageError, match="'fp8'"):
        prediction_precision("fp8", info, "cpu")


def test_both_precisions_are_compared_on_held_out_rows(saved: SavedModel, computes: None) -> None:
    split = texts(TEXT_TASK, 60)
    found = compare_precisions(saved, split, "cpu")
    exact, rough = (predict(saved, split, precision=name) for name in ("fp32", "bf16"))
    changed = sum(one != other for one, other in zip(exact.predicted_labels, rough.predicted_labels, strict=True))
    largest = max(
        abs(float(one) - float(other)) for one, other in zip(exact.answers.flat, rough.answers.flat, strict=True)
    )
    assert found is not None
    assert (found.num_rows, found.num_changed) == (60, changed)
    assert found.largest_difference == pytest.approx(largest, rel=1e-9)
    assert largest > 0


def test_of_many_rows_some_are_compared(saved: SavedModel, computes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_module, "COMPARED_ROWS", 10)
    found = compare_precisions(saved, texts(TEXT_TASK, 25), "cpu")
    assert found is not None
    assert found.num_rows == 9


def test_what_cannot_be_compared_is_not(saved: SavedModel, computes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compare_precisions(saved, Split.of(texts=()), "cpu") is None

    def unknown_in_bf16(*arguments: object, precision: str, **options: object) -> object:
        if precision == "bf16":
            raise RuntimeError("not implemented for BFloat16")
        return predict(*arguments, precision=precision, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(precision_module, "predict", unknown_in_bf16)
        assert compare_precisions(saved, texts(TEXT_TASK), "cpu") is None
    monkeypatch.setattr(precision_module, "computes_bf16", lambda device: False)
    assert compare_precisions(saved, texts(TEXT_TASK), "cpu") is None


def test_numbers_are_compared_by_their_spread() -> None:
    """A tenth of the standard deviation is a tenth in any unit, and a number is no decision that could change."""
    kind = kind_named("regression")
    exact = np.asarray([[700.0], [2000.0], [5300.0]])
    rough = exact + np.asarray([[0.0], [exact.std() / 10], [0.0]])
    for unit, offset in ((1.0, 0.0), (1e-6, 0.0), (1e6, 1e9)):
        found = kind.largest_difference(exact * unit + offset, rough * unit + offset)
        assert found == pytest.approx(0.1, rel=1e-6)
    assert kind.num_changed(exact[:, 0], rough[:, 0]) == 0
    assert kind.largest_difference(np.ones((2, 1)), np.ones((2, 1))) == 0


def test_decisions_of_several_classes_count_once_a_row() -> None:
    kind = kind_named("multi_label")
    decisions, others = np.asarray([[1, 0, 1], [0, 0, 0], [1, 1, 1]]), np.asarray([[0, 1, 1], [0, 0, 0], [1, 1, 0]])
    assert kind.num_changed(decisions, others) == 2
    answers = torch.tensor([[0.1, 0.9]]).numpy()
    assert kind.largest_difference(answers, answers - np.float32(0.03)) == pytest.approx(0.03, rel=1e-5)
