"""What stands in the new columns, by kind of answer; expected values are written by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from headstart.errors import UsageError
from headstart.inference.predict import Predictions
from headstart.inference.prediction_columns import (
    EVERY_PROBABILITY,
    WantedColumns,
    in_all_rows,
    prediction_columns,
    prediction_schema,
)
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
    schema = prediction_schema(task(kind), WantedColumns(prefix="my_"))
    rows = prediction_columns(
        predictions(kind, [[0.25, 0.75], [0.5, 0.5]]), schema, EVERY_PROBABILITY, None
    ).to_pylist()
    assert rows == [
        {"my_predicted_label": "spam", "my_probability_ham": 0.25, "my_probability_spam": 0.75},
        {"my_predicted_label": "ham", "my_probability_ham": 0.5, "my_probability_spam": 0.5},
    ]


def test_several_classes_are_a_list_with_those_at_a_half_or_more() -> None:
    kind = kind_named("multi_label")
    schema = prediction_schema(task(kind))
    rows = prediction_columns(
        predictions(kind, [[0.5, 0.75], [0.25, 0.125]]), schema, EVERY_PROBABILITY, None
    ).to_pylist()
    assert [row["predicted_labels"] for row in rows] == [["ham", "spam"], []]
    assert [row["probability_spam"] for row in rows] == [0.75, 0.125]


def test_numbers_stand_alone_and_are_as_short_as_they_can_be() -> None:
    kind = kind_named("regression")
    table = prediction_columns(
        predictions(kind, [[0.1], [-3.0]]), prediction_schema(task(kind)), EVERY_PROBABILITY, None
    )
    assert json.dumps(table.to_pylist()) == '[{"predicted_value": 0.1}, {"predicted_value": -3.0}]'


def test_choices_that_a_row_does_not_have_are_null_even_where_no_row_of_the_piece_has_them() -> None:
    kind = kind_named("multiple_choice")
    schema = prediction_schema(task(kind), num_choices=4)
    rows = prediction_columns(
        predictions(kind, [[0.25, 0.75, 0], [0.5, 0.25, 0.25]]), schema, EVERY_PROBABILITY, [2, 3]
    ).to_pylist()
    assert [row.pop("predicted_choice") for row in rows] == [1, 0]
    assert [list(row.values()) for row in rows] == [[0.25, 0.75, None, None], [0.5, 0.25, 0.25, None]]
    assert list(rows[0]) == ["probability_0", "probability_1", "probability_2", "probability_3"]


@pytest.mark.parametrize("value", [1e-45, 0.1, 1 / 3, 0.9999999, 1.1754944e-38])
def test_the_digits_give_back_the_same_fp32_number(value: float) -> None:
    kind = kind_named("regression")
    table = prediction_columns(predictions(kind, [[value]]), prediction_schema(task(kind)), EVERY_PROBABILITY, None)
    (row,) = table.to_pylist()
    assert np.float32(row["predicted_value"]) == np.float32(value)


PROBABLE = [[0.25, 0.75], [0.5, 0.5]]


def test_the_most_probable_answers_stand_in_place_of_all_of_them() -> None:
    kind, wanted = kind_named("classification"), WantedColumns(top=2)
    columns = prediction_columns(predictions(kind, PROBABLE), prediction_schema(task(kind), wanted), wanted, None)
    assert columns.to_pylist() == [
        {
            "predicted_label": "spam",
            "top_1": "spam",
            "top_1_probability": 0.75,
            "top_2": "ham",
            "top_2_probability": 0.25,
        },
        {"predicted_label": "ham", "top_1": "ham", "top_1_probability": 0.5, "top_2": "spam", "top_2_probability": 0.5},
    ]


def test_the_most_probable_choices_are_numbers_and_null_where_a_row_has_fewer() -> None:
    kind, wanted = kind_named("multiple_choice"), WantedColumns(top=3, no_probabilities=True)
    schema = prediction_schema(task(kind), wanted, num_choices=4)
    rows = prediction_columns(predictions(kind, [[0.2, 0.8, 0], [0.5, 0.2, 0.3]]), schema, wanted, [2, 3]).to_pylist()
    assert rows == [
        {"predicted_choice": 1, "top_1": 1, "top_2": 0, "top_3": None},
        {"predicted_choice": 0, "top_1": 0, "top_2": 2, "top_3": 1},
    ]
    rows = prediction_columns(predictions(kind, [[0.2, 0.8]]), schema, wanted, [2]).to_pylist()
    assert rows == [{"predicted_choice": 1, "top_1": 1, "top_2": 0, "top_3": None}]


@pytest.mark.parametrize("kind", ["classification", "multi_label"])
def test_decisions_may_stand_alone(kind: str) -> None:
    wanted = WantedColumns(no_probabilities=True)
    schema = prediction_schema(task(kind_named(kind)), wanted)
    columns = prediction_columns(predictions(kind_named(kind), PROBABLE), schema, wanted, None)
    assert columns.to_pydict() == {schema.names[0]: predictions(kind_named(kind), PROBABLE).predicted_labels}


NO_EFFECT = {
    "top of numbers": ("regression", WantedColumns(top=1), "`top` would have no effect"),
    "no probabilities of numbers": (
        "regression",
        WantedColumns(no_probabilities=True),
        "`no_probabilities` would have",
    ),
    "more than there are": ("classification", WantedColumns(top=3), r"`top` was given as 3(.|\n)*1 to 2"),
    "none": ("classification", WantedColumns(top=0), "`top` was given as 0"),
}


@pytest.mark.parametrize("case", NO_EFFECT)
def test_what_has_no_effect_is_refused(case: str) -> None:
    kind, wanted, message = NO_EFFECT[case]
    with pytest.raises(UsageError, match=message):
        wanted.require_sense(task(kind_named(kind)))


@pytest.mark.parametrize("kind", ["classification", "multi_label", "regression", "multiple_choice"])
@pytest.mark.parametrize("answered", [(0, 2), ()])
def test_rows_without_an_answer_are_null_in_every_column(kind: str, answered: tuple[int, ...]) -> None:
    width = 1 if kind == "regression" else 2
    answers = np.asarray(PROBABLE, np.float32)[: len(answered), :width]
    said = replace(predictions(kind_named(kind), []), answers=answers)
    choices = [2] * len(answered) if kind == "multiple_choice" else None
    schema = prediction_schema(task(kind_named(kind)), num_choices=2 if kind == "multiple_choice" else 0)
    columns = prediction_columns(said, schema, EVERY_PROBABILITY, choices)
    whole = in_all_rows(columns, answered, 4)
    assert whole.schema == schema
    assert whole.take(pa.array(answered, pa.int64())).equals(columns)
    for column in whole.columns:
        assert [value is None for value in column.to_pylist()] == [row not in answered for row in range(4)], column
