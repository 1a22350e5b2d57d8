"""The new columns: what a model says of a user's rows.

Letters: n examples, c classes, m choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headstart.errors import UsageError
from headstart.inference.predict import Predictions
from headstart.option import named
from headstart.tasks.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedColumns:
    """Which columns a prediction adds beside the decision.

    Attributes:
        prefix: put before all names.
        top: name this many of the most probable answers, each with its probability, in place of a column per answer.
        no_probabilities: leave out all probabilities.
    """

    prefix: str = ""
    top: int | None = None
    no_probabilities: bool = False

    def require_sense(self, task: Task) -> None:
        """Refuse what has no effect on the answers of a model of this task.

        Raises:
            UsageError: if there are no probabilities, or fewer answers than are to be named.
        """
        given = [name for name in ("top", "no_probabilities") if getattr(self, name)]
        most = task.num_labels or len(task.choice_columns)
        if given and not most:
            raise UsageError(
                f"{named(given)} would have no effect: the model answers with numbers, which have no probability",
                remedy="  Leave it out.",
            )
        if self.top is not None and not 1 <= self.top <= most:
            raise UsageError(
                f"`top` was given as {self.top}", allowed=f"  It is 1 to {most}: the model has {most} answers."
            )


EVERY_PROBABILITY = WantedColumns()
"""The decision, and the probability of each class or choice."""


def prediction_schema(task: Task, wanted: WantedColumns = EVERY_PROBABILITY, num_choices: int = 0) -> pa.Schema:
    """Return names and types of the columns that a model of this task adds.

    Args:
        task: the model's.
        wanted: which of them.
        num_choices: of the example that has the most, for multiple choice.
    """
    decision, *probabilities = task.kind.prediction_fields(task.labels, num_choices)
    if wanted.top is not None:
        answer = pa.string() if task.kind.has_classes else pa.int64()
        named = [
            (pa.field(f"top_{place}", answer), pa.field(f"top_{place}_probability", pa.float64()))
            for place in range(1, wanted.top + 1)
        ]
        added = [field for name, probability in named for field in (name, probability)]
        added = added[::2] if wanted.no_probabilities else added
    else:
        added = [] if wanted.no_probabilities else probabilities
    return pa.schema([field.with_name(wanted.prefix + field.name) for field in (decision, *added)])


def prediction_columns(
    predictions: Predictions, schema: pa.Schema, wanted: WantedColumns, num_choices: Sequence[int] | None
) -> pa.Table:
    """Return the decisions, and the answers that are wanted beside them, of all n examples.

    Decisions are the class's name, the list of the classes' names, the number, or the choice's number from 0. A
    probability is written with as many digits as tell it from its fp32 neighbours; choices that an example does not
    have are null.

    Args:
        predictions: of n examples.
        schema: as `prediction_schema` gives it, for at least as many choices as any of these examples has.
        wanted: as for the schema.
        num_choices: [n], for multiple choice.
    """
    decisions = pa.array(predictions.predicted_labels, schema.types[0])
    if wanted.top is not None:
        added = _top(predictions, wanted, num_choices)
    elif wanted.no_probabilities:
        added = []
    else:
        added = [_probabilities(predictions.answers, place, num_choices) for place in range(len(schema) - 1)]
    return pa.table([decisions, *added], schema=schema)


def in_all_rows(columns: pa.Table, answered: Sequence[int], num_rows: int) -> pa.Table:
    """Return the columns of the rows that were answered as columns of all rows, null in the others."""
    if len(answered) == num_rows:
        return columns
    place_of = dict(zip(answered, range(len(answered)), strict=True))
    return columns.take(pa.array([place_of.get(row) for row in range(num_rows)], pa.int64()))


def _top(predictions: Predictions, wanted: WantedColumns, num_choices: Sequence[int] | None) -> list[pa.Array]:
    """Return the names and probabilities of each row's most probable answers, the first of equals first."""
    order = np.argsort(-predictions.answers, axis=1, kind="stable")
    columns = []
    for place in range(wanted.top or 0):
        if place < order.shape[1]:
            answers, has_it = order[:, place], _has(place, num_choices)
            labels = predictions.labels
            names = [labels[answer] for answer in answers] if labels else answers.tolist()
            probabilities = np.take_along_axis(predictions.answers, answers[:, np.newaxis], axis=1)
        else:
            names, probabilities, has_it = [None] * len(order), np.zeros((len(order), 0), np.float32), None
        columns.append(pa.array(names, mask=_missing(has_it)))
        if not wanted.no_probabilities:
            columns.append(_shortest(probabilities, has_it))
    return columns


def _probabilities(answers: npt.NDArray[np.float32], place: int, num_choices: Sequence[int] | None) -> pa.Array:
    return _shortest(answers[:, place : place + 1], _has(place, num_choices))


def _has(place: int, num_choices: Sequence[int] | None) -> Sequence[bool] | None:
    return None if num_choices is None else [count > place for count in num_choices]


def _missing(is_there: Sequence[bool] | None) -> npt.NDArray[np.bool_] | None:
    return None if is_there is None else ~np.asarray(is_there, dtype=bool)


def _shortest(values: npt.NDArray[np.float32], is_there: Sequence[bool] | None) -> pa.Array:
    """Return fp32 values [n, 1] as the shortest decimals that round to them; a missing column is all null."""
    if not values.shape[1]:
        return pa.nulls(len(values), pa.float64())
    # Arrow writes a number with as few digits as tell it from its neighbours of the same type.
    return pa.array(np.ascontiguousarray(values[:, 0]), mask=_missing(is_there)).cast(pa.string()).cast(pa.float64())
