"""What stands in the new columns, by kind of answer; expected values are written by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headstart.inference.predict import Predictions
from headstart.inference.prediction_columns import prediction_columns, prediction_schema
from headstart.kinds.catalogue import kind_named
from headstart.kinds.kind import Kind
from headstart.tasks.task import Task


def task(kind: Kind) -> Task:
    labels = ("ham", "spam") if kind.has_classes else ()
    return Task(name="t", kind=kind, text_columns=("text",), label_column="y", labels=labels)


def predictions(kind: Kind, answers: list[list[float]]) -> Predictions:
    return Predictions(kind=kind, labels=task(kind).labels, answers=np.asarray(answers, np.float32), num_truncated=0)


def test_classes_have_a_name_and_a_probability_each() -> None:
    kind = kind_named("classification")
    schema = prediction_schema(task(kind), "my_")
    rows = prediction_columns(predictions(kind, [[0.25, 0.75], [0.5, 0.5]]), schema, None).to_pylist()
    assert rows == [
        {"my_predicted_label": "spam", "my_probability_ham": 0.25, "my_probability_spam": 0.75},
        {"my_predicted_label": "ham", "my_probability_ham": 0.5, "my_probability_spam": 0.5},
    ]


def test_several_classes_are_a_list_with_those_at_a_half_or_more() -> None:
    kind = kind_named("multi_label")
    schema = prediction_schema(task(kind))
    rows = prediction_columns(predictions(kind, [[0.5, 0.75], [0.25, 0.125]]), schema, None).to_pylist()
    assert [row["predicted_labels"] for row in rows] == [["ham", "spam"], []]
    assert [row["probability_spam"] for row in rows] == [0.75, 0.125]


def test_numbers_stand_alone_and_are_as_short_as_they_can_be() -> None:
    kind = kind_named("regression")
    table = prediction_columns(predictions(kind, [[0.1], [-3.0]]), prediction_schema(task(kind)), None)
    assert json.dumps(table.to_pylist()) == '[{"predicted_value": 0.1}, {"predicted_value": -3.0}]'


def test_choices_that_a_row_does_not_have_are_null_even_where_no_row_of_the_piece_has_them() -> None:
    kind = kind_named("multiple_choice")
    schema = prediction_schema(task(kind), num_choices=4)
    rows = prediction_columns(predictions(kind, [[0.25, 0.75, 0], [0.5, 0.25, 0.25]]), schema, [2, 3]).to_pylist()
    assert [row.pop("predicted_choice") for row in rows] == [1, 0]
    assert [list(row.values()) for row in rows] == [[0.25, 0.75, None, None], [0.5, 0.25, 0.25, None]]
    assert list(rows[0]) == ["probability_0", "probability_1", "probability_2", "probability_3"]


@pytest.mark.parametrize("value", [1e-45, 0.1, 1 / 3, 0.9999999, 1.1754944e-38])
def test_the_digits_give_back_the_same_fp32_number(value: float) -> None:
    kind = kind_named("regression")
    table = prediction_columns(predictions(kind, [[value]]), prediction_schema(task(kind)), None)
    (row,) = table.to_pylist()
    assert np.float32(row["predicted_value"]) == np.float32(value)
