"""Answers to held-out rows, read back from the predictions that runs leave.

Letters: n examples, c classes, m choices of the example that has the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from headstart.data.examples import Split
from headstart.data.together import independent_units
from headstart.dealing.folds import count_units, unit_numbers
from headstart.errors import DamageError
from headstart.kinds.kind import Values
from headstart.store.layout import UNIT
from headstart.tables.arrow_bounds import parquet_batches

CHUNK_ROWS = 1 << 16
INNER_FOLDS = "inner_folds"
"""Names the answers to training rows by heads that were fitted without them; see `fitted.held_out`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswers:
    """Labels and answers of rows that the model was not trained on.

    Attributes:
        labels: [n], or 0 and 1 for each class [n, c].
        decisions: of the same shape.
        probabilities: [n, c] or [n, m], 0 for a choice that a row lacks; None where answers have none.
        units: [n], the number of each row's unit, whose rows count as one; None where each row counts for itself.
    """

    labels: Values
    decisions: Values
    probabilities: NDArray[np.float64] | None
    units: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)


def read_answers(path: Path) -> StoredAnswers | None:
    """Return what `write_predictions` wrote; None where there is no such file.

    Raises:
        DamageError: if it holds something else, or asks for more memory than answers of its size can need.
    """
    if not path.is_file():
        return None
    try:
        table = pa.Table.from_batches(parquet_batches(path, CHUNK_ROWS), pyarrow.parquet.read_schema(path))
        columns = [table[name].to_numpy() for name in table.column_names if name.startswith("probability_")]
        labels, decisions = (np.array(table[name].to_pylist()) for name in ("label", "predicted"))
        units = _read_units(table[UNIT]) if UNIT in table.column_names else None
    except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise DamageError(path, f"it holds no answers: {error}") from error
    return StoredAnswers(
        labels=labels,
        decisions=decisions,
        probabilities=np.stack(columns, axis=1).astype(np.float64) if columns else None,
        units=units,
    )


def _read_units(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return the number of each row's unit from 0 [n], whatever whole numbers the file has for them."""
    if column.null_count or not pa.types.is_integer(column.type):
        raise TypeError("the units of rows are no whole numbers")
    return np.unique(column.to_numpy(), return_inverse=True)[1]


def stored_units(rows: Split) -> NDArray[np.int64] | None:
    """Return the number of each row's unit, which those of one group, or of one text, share; None without such rows."""
    units = np.array(independent_units(rows), dtype=np.int64)
    return None if count_units(units) == len(units) else units


def joined_answers(parts: Sequence[StoredAnswers]) -> StoredAnswers | None:
    """Return the answers of several files together; None where there are none."""
    if not parts:
        return None
    tables = [part.probabilities for part in parts if part.probabilities is not None]
    width = max((table.shape[1] for table in tables), default=0)
    padded = [np.pad(table, ((0, 0), (0, width - table.shape[1]))) for table in tables]
    return StoredAnswers(
        labels=np.concatenate([part.labels for part in parts]),
        decisions=np.concatenate([part.decisions for part in parts]),
        probabilities=np.concatenate(padded) if len(tables) == len(parts) else None,
        units=_joined_units(parts),
    )


def _joined_units(parts: Sequence[StoredAnswers]) -> NDArray[np.int64]:
    """Return the units of several files together; one in two files counts as two."""
    numbers: list[NDArray[np.int64]] = []
    for part in parts:
        own = unit_numbers(part.units, len(part))
        numbers.append(own + (numbers[-1].max() + 1 if numbers and len(numbers[-1]) else 0))
    return np.concatenate(numbers)
