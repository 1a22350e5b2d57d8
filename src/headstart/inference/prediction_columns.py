"""The new columns: what a model says of a user's rows.

Letters: n examples, c classes, m choices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headstart.inference.predict import Predictions
from headstart.tasks.task import Task


def prediction_schema(task: Task, prefix: str = "", num_choices: int = 0) -> pa.Schema:
    """Return names, each after `prefix`, and types of the columns that a model of this task adds."""
    fields = task.kind.prediction_fields(task.labels, num_choices)
    return pa.schema([pa.field(prefix + field.name, field.type) for field in fields])


def prediction_columns(predictions: Predictions, schema: pa.Schema, num_choices: Sequence[int] | None) -> pa.Table:
    """Return the decisions and, where there are some, the probabilities of all n examples.

    Decisions are the class's name, the list of the classes' names, the number, or the choice's number from 0. A
    probability is written with as many digits as tell it from its fp32 neighbours; choices that an example does not
    have are null.

    Args:
        predictions: of n examples.
        schema: as `prediction_schema` gives it, for at least as many choices as any of these examples has.
        num_choices: [n], for multiple choice.
    """
    columns = [pa.array(predictions.predicted_labels, schema.types[0])]
    for index in range(len(schema) - 1):
        has_it = None if num_choices is None else [count > index for count in num_choices]
        columns.append(_shortest(predictions.answers[:, index : index + 1], has_it))
    return pa.table(columns, schema=schema)


def _shortest(values: npt.NDArray[np.float32], is_there: Sequence[bool] | None) -> pa.Array:
    """Return fp32 values [n, 1] as the shortest decimals that round to them; a missing column is all null."""
    if not values.shape[1]:
        return pa.nulls(len(values), pa.float64())
    decimals = [float(str(value)) for value in values[:, 0]]
    missing = None if is_there is None else ~np.asarray(is_there, dtype=bool)
    return pa.array(decimals, pa.float64(), mask=missing)
