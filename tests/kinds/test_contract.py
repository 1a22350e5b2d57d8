"""What every kind of answer promises, each promise for all kinds: a new kind is a new row of `EXAMPLES`."""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Callable
from copy import deepcopy
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch.nn import functional

from headstart.errors import UsageError
from headstart.kinds.catalogue import DEFAULT_KIND, guess_kind, kind_named
from headstart.kinds.kind import KINDS, Kind, Label
from headstart.losses import PLAIN, LossConfig
from headstart.metrics import ERRORS, KNOWN, compute
from headstart.registry import Spec
from headstart.tasks.constants import best_constant
from headstart.tasks.task import Task
from headstart.training.objective import Objective

CLASSES = ("cat", "dog", "fish")
INDEX = {name: number for number, name in enumerate(CLASSES)}
INFINITY = float("inf")


@dataclass(frozen=True, kw_only=True)
class Example:
    """What is written by hand for one kind.

    Attributes:
        separator: between the labels of a cell; `choices`: columns of choices.
        cells: value -> label.
        refused: value -> part of the reason.
        indexed: a label of the hub -> label; `refused_indexed`: what cannot be one, of three classes or choices.
        useless: cells of which nothing can be learned -> part of the reason.
        logits: per sequence; `num_sequences`: of two examples; `example_logits`: by hand.
        answers: of `example_logits`; `decisions`: of the answers; `written`: as a table shows them.
        fields: names and types of the columns of a prediction.
        labels: of six rows; `constants`: answers to all of them, the best among them.
        targets: labels of the two examples; `loss`: by torch's own functions.
    """

    separator: str | None = None
    choices: tuple[str, ...] = ()
    cells: tuple[tuple[object, Label], ...]
    refused: tuple[tuple[object, str], ...]
    indexed: tuple[tuple[object, Label], ...]
    refused_indexed: tuple[object, ...]
    useless: tuple[tuple[tuple[object, ...], str], ...] = ()
    logits: list[list[float]]
    num_sequences: tuple[int, int]
    example_logits: list[list[float]]
    answers: Callable[[torch.Tensor], torch.Tensor]
    decisions: list[Any]
    written: list[Any]
    fields: list[tuple[str, pa.DataType]]
    labels: tuple[Label, ...]
    constants: list[Any]
    targets: tuple[Label, Label]
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


PROBABILITIES = [(f"probability_{name}", pa.float64()) for name in CLASSES]
EXAMPLES = {
    "classification": Example(
        cells=((" dog ", 1), ("cat", 0)),
        refused=(("", "is missing"), (None, "is missing"), ({}, "is neither text nor a number")),
        indexed=((2, 2),),
        refused_indexed=(3, -1, True, 1.0, "1", None),
        useless=((("cat", "cat"), "two classes are needed"), (("cat", "dog", "fish"), "a label of its own")),
        logits=[[1, 0, 0], [3, 2, 4], [0, 0, 1]],
        num_sequences=(2, 1),
        example_logits=[[2, 1, 2], [0, 0, 1]],
        answers=lambda logits: functional.softmax(logits, dim=1),
        decisions=[0, 2],
        written=["cat", "fish"],
        fields=[("predicted_label", pa.string()), *PROBABILITIES],
        labels=(1, 2, 2, 0, 1, 2),
        constants=[0, 1, 2],
        targets=(1, 2),
        loss=functional.cross_entropy,
    ),
    "multi_label": Example(
        separator="|",
        cells=(("dog|cat", (0, 1)), ("", ()), ([], ()), (["fish"], (2,)), ("cat||", (0,))),
        refused=(
            (None, "is missing"),
            ([None], "is missing"),
            ([{}], "is neither text nor a number"),
            (["fish", "dog", "fish"], "as votes do"),
        ),
        indexed=(([2, 0], (0, 2)), ([], ())),
        refused_indexed=([3], [True], 1, "0", None),
        useless=((("", []), "no row has any label"),),
        logits=[[1, 0, 0], [-3, 2, 4], [0, 0.5, -1]],
        num_sequences=(2, 1),
        example_logits=[[-1, 1, 2], [0, 0.5, -1]],
        answers=functional.sigmoid,
        decisions=[[0, 1, 1], [1, 1, 0]],
        written=[["dog", "fish"], ["cat", "dog"]],
        fields=[("predicted_labels", pa.list_(pa.string())), *PROBABILITIES],
        labels=((0, 1), (1,), (), (1, 2), (0, 1), (0,)),
        constants=list(itertools.product((0, 1), repeat=3)),
        targets=((0, 2), ()),
        loss=functional.binary_cross_entropy_with_logits,
    ),
    "regression": Example(
        cells=((1, 1.0), (" 2.5e-1 ", 0.25), (-0.5, -0.5)),
        refused=(
            ("", "is missing"),
            ("two", "is not a number"),
            (True, "is not a number"),
            ("nan", "not a finite number"),
            (INFINITY, "not a finite number"),
        ),
        indexed=((2, 2.0), (-0.5, -0.5)),
        refused_indexed=(True, "1", None, INFINITY),
        useless=(((2, 2.0), "all rows have the number 2"),),
        logits=[[1], [2], [-0.1]],
        num_sequences=(2, 1),
        example_logits=[[1.5], [-0.1]],
        answers=lambda logits: logits,
        decisions=[1.5, float(np.float32(-0.1))],
        written=[1.5, -0.1],
        fields=[("predicted_value", pa.float64())],
        labels=(1.0, 4.0, 2.5, 0.5, 7.0, 3.0),
        constants=[number / 100 for number in range(0, 700)],
        targets=(1.0, -0.5),
        loss=lambda logits, labels: functional.mse_loss(logits[:, 0], labels),
    ),
    "multiple_choice": Example(
        choices=("a", "b", "c"),
        cells=((0, 0), ("2", 2), ("b", 1)),
        refused=((None, "is missing"), (3, "does not name a choice"), ("d", "does not name a choice")),
        indexed=((2, 2),),
        refused_indexed=(3, -1, True, 1.0, "1", None),
        logits=[[1], [2], [5], [0], [-1]],
        num_sequences=(3, 2),
        example_logits=[[1, 2, 5], [0, -1, -INFINITY]],
        answers=lambda logits: functional.softmax(logits, dim=1),
        decisions=[2, 0],
        written=[2, 0],
        fields=[("predicted_choice", pa.int64()), *((f"probability_{number}", pa.float64()) for number in range(3))],
        labels=(1, 0, 2, 1, 1, 0),
        constants=[0, 1, 2],
        targets=(1, 1),
        loss=functional.cross_entropy,
    ),
}

kinds = pytest.mark.parametrize("name", KINDS.names())


def example_of(name: str) -> tuple[Kind, Example, int]:
    """Return a kind, its example, and the number of classes."""
    kind = kind_named(name)
    return kind, EXAMPLES[name], len(CLASSES) if kind.has_classes else 0


def test_every_kind_is_held_to_the_contract() -> None:
    assert set(EXAMPLES) == set(KINDS)


@kinds
def test_cells_become_labels_or_reasons(name: str) -> None:
    kind, example, _ = example_of(name)
    for value, label in example.cells:
        assert kind.label(kind.read(value, example.separator, example.choices), INDEX) == label
    for value, reason in example.refused:
        with pytest.raises(ValueError, match=reason):
            kind.read(value, example.separator, example.choices)


@kinds
def test_indices_become_labels_or_reasons(name: str) -> None:
    kind, example, _ = example_of(name)
    for value, label in example.indexed:
        found = kind.indexed_label(value, 3)
        assert (found, type(found)) == (label, type(label))
    for value in example.refused_indexed:
        with pytest.raises(ValueError, match="the label is"):
            kind.indexed_label(value, 3)


@kinds
def test_labels_of_which_nothing_can_be_learned_are_named(name: str) -> None:
    kind, example, _ = example_of(name)
    for values, reason in example.useless:
        assert reason in kind.fault_of_all([kind.read(value, example.separator, example.choices) for value in values])
    assert (
        kind.fault_of_all([kind.read(value, example.separator, example.choices) for value, _ in example.cells * 2])
        == ""
    )
    assert kind.fault_of_all([]) == ""


@kinds
def test_a_kind_takes_its_own_column_before_any_other_does(name: str) -> None:
    kind, example, _ = example_of(name)
    found, why = guess_kind([value for value, _ in example.cells], example.separator, example.choices)
    assert found == kind
    assert bool(why) == (kind != DEFAULT_KIND)


@kinds
def test_labels_are_the_same_as_an_array_and_as_a_tensor(name: str) -> None:
    kind, example, num_labels = example_of(name)
    array = kind.label_array(example.labels, num_labels)
    tensor = kind.label_tensor(example.labels, num_labels)
    assert array.shape == tuple(tensor.shape) == ((6, num_labels) if name == "multi_label" else (6,))
    # Numbers keep their digits until they are in standard units.
    assert tensor.dtype == (torch.int64 if kind.picks_one else torch.float64 if tensor.ndim == 1 else torch.float32)
    assert array.dtype == (np.float64 if name == "regression" else np.int64)
    assert tensor.tolist() == array.tolist()


@kinds
def test_the_best_constant_answer_beats_every_other(name: str) -> None:
    kind, example, num_labels = example_of(name)
    labels = kind.label_array(example.labels, num_labels)
    assert len(example.constants) > 2
    for metric in kind.metrics:
        best, score = best_constant(kind, metric, labels)
        assert best.shape == labels.shape[1:]
        for constant in example.constants:
            answers = np.broadcast_to(np.asarray(constant), labels.shape)
            sign = -1 if metric in ERRORS else 1
            assert sign * compute((metric,), labels, answers)[metric] <= sign * score + 1e-12


@kinds
def test_the_variance_of_labels_is_that_of_right_answers(name: str) -> None:
    """By numpy, of the answers of a model that is sure and right; only for choices this is not how answers vary."""
    kind, example, num_labels = example_of(name)
    labels = kind.label_array(example.labels, num_labels)
    right = labels[:, None] if kind.dtype == "float64" else labels
    right = np.eye(3)[labels] if kind.picks_one else right
    assert kind.variance(labels) == pytest.approx(right.var(axis=0).sum())
    assert not kind.says_nothing(labels, right, labels)
    assert kind.says_nothing(labels, np.full_like(right, np.nan, dtype=float), labels)


@kinds
def test_logits_become_answers_and_answers_decisions(name: str) -> None:
    kind, example, num_labels = example_of(name)
    sequences = torch.tensor(example.logits, dtype=torch.float32)
    assert sequences.shape[1] == kind.num_logits(num_labels)
    logits = kind.example_logits(sequences, torch.tensor(example.num_sequences))
    torch.testing.assert_close(logits, torch.tensor(example.example_logits, dtype=torch.float32))
    assert kind.example_logits(sequences, None) is sequences
    answers = kind.answers(logits.bfloat16())
    assert answers.dtype == torch.float32
    answers = kind.answers(logits)
    torch.testing.assert_close(answers, example.answers(logits))
    assert bool((answers.sum(dim=1) - 1).abs().max() < 1e-6) == kind.picks_one
    decisions = kind.decisions(answers)
    assert decisions.tolist() == example.decisions
    assert decisions.shape == kind.label_array(example.targets, num_labels).shape


@kinds
def test_a_prediction_fits_into_its_columns(name: str) -> None:
    kind, example, _ = example_of(name)
    labels = CLASSES if kind.has_classes else ()
    fields = kind.prediction_fields(labels, num_choices=3 if kind.has_choices else 0)
    assert [(field.name, field.type) for field in fields] == example.fields
    written = [kind.written(decision, labels) for decision in np.asarray(example.decisions, dtype=object)]
    assert written == example.written
    assert pa.array(written, fields[0].type).to_pylist() == example.written


@kinds
def test_the_loss_is_that_of_torch(name: str) -> None:
    kind, example, num_labels = example_of(name)
    sequences = torch.tensor(example.logits, dtype=torch.float32)
    targets = kind.label_tensor(example.targets, num_labels)
    batch = {"labels": targets, "num_sequences": torch.tensor(example.num_sequences)}
    read = targets.float() if targets.is_floating_point() else targets
    expected = example.loss(torch.tensor(example.example_logits, dtype=torch.float32), read)
    for precision in (torch.float32, torch.bfloat16):
        found = Objective(kind=kind, config=PLAIN)(sequences.to(precision), batch)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, rtol=1e-6 if precision == torch.float32 else 1e-2, atol=1e-6)


@kinds
def test_a_row_of_weight_2_counts_as_two_rows(name: str) -> None:
    """In the loss, whatever other losses there are; in the scale; in every metric and its best constant answer."""
    kind, example, num_labels = example_of(name)
    logits = torch.tensor(example.example_logits, dtype=torch.float32)
    targets, twice = kind.label_tensor(example.targets, num_labels), [0, 0, 1]
    configs = [PLAIN, LossConfig(label_smoothing=0.1), LossConfig(spec=Spec("focal"))] if num_labels else [PLAIN]
    for config in configs:
        weighed = kind.loss(logits, targets, config, torch.tensor([4 / 3, 2 / 3]))
        torch.testing.assert_close(weighed, kind.loss(logits[twice], targets[twice], config))
    labels = kind.label_array(example.labels, num_labels)
    weights = np.array([1, 4, 2, 1, 3, 1])
    rows = np.repeat(np.arange(6), weights)
    assert astuple(kind.scale(labels, weights)) == pytest.approx(astuple(kind.scale(labels[rows])))
    for metric in kind.metrics:
        best, score = best_constant(kind, metric, labels, weights=weights)
        expected, expected_score = best_constant(kind, metric, labels[rows])
        assert score == pytest.approx(expected_score)
        assert best == pytest.approx(expected)
        answers = labels[[1, 1, 0, 3, 5, 4]]
        found = compute((metric,), labels, answers, weights=0.25 * weights)
        assert found == pytest.approx(compute((metric,), labels[rows], answers[rows]))


@kinds
def test_metrics_are_known(name: str) -> None:
    assert all(metric in KNOWN for metric in kind_named(name).metrics)


@kinds
def test_files_hold_the_name(name: str) -> None:
    kind, _, num_labels = example_of(name)
    adapter, kinds = TypeAdapter(Task), TypeAdapter(Kind)
    task = Task(name="t", kind=kind, text_columns=("x",), label_column="y", labels=CLASSES[:num_labels])
    values = json.loads(json.dumps(adapter.dump_python(task, mode="json")))
    assert values["kind"] == name == str(kind)
    assert adapter.validate_python(values) == task
    assert adapter.validate_json(adapter.dump_json(task)) == task
    assert kinds.validate_python(kind) is kind


@kinds
def test_copies_are_equal(name: str) -> None:
    kind = kind_named(name)
    for copied in (deepcopy(kind), pickle.loads(pickle.dumps(kind))):
        assert copied == kind
        assert hash(copied) == hash(kind)
    assert all(kind != kind_named(other) for other in KINDS if other != name)


def test_an_unknown_name_is_said() -> None:
    with pytest.raises(UsageError, match="did you mean 'regression'"):
        kind_named("regresion")
    for value in ("regresion", 1, None):
        with pytest.raises(ValidationError, match="is not a kind of task"):
            TypeAdapter(Kind).validate_python(value)
