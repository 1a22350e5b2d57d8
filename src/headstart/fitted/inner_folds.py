"""The rows that the inner folds of a fit hold out together: dealt once, they serve every fit to the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.dealing.folds import deal_folds, single_rows, unit_numbers
from headstart.kinds.kind import Kind, Values
from headstart.seeding import numpy_generator

NUM_FOLDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class InnerFolds:
    """Which fold holds out which row.

    Attributes:
        units: for each row the number of its unit, whose rows count as one [n].
        folds: for each row its fold, from 0; rows of one unit are in one [n].
    """

    units: NDArray[np.int64]
    folds: NDArray[np.int64]


NOTHING_HELD_OUT = InnerFolds(single_rows(0), single_rows(0))
"""For a fit of which no loss is asked."""


def deal_inner_folds(
    kind: Kind, targets: Values, *, units: Sequence[int] | NDArray[np.int64] | None = None, seed: int = 0
) -> InnerFolds:
    """Return the inner folds of rows; where a row has one class, the rows of each class go through the folds in turn.

    Args:
        kind: what the targets are.
        targets: of the rows that a fold may hold out, as `Kind.label_array` makes them: n of them.
        units: for each row the number of its unit, from 0, such as its group [n]. None takes each row for itself.
        seed: of the order in which they are dealt.
    """
    numbers, strata = unit_numbers(units, len(targets)), targets if kind.has_one_class else None
    folds = deal_folds(numbers, NUM_FOLDS, strata=strata, generator=numpy_generator(seed, "fit_folds"))
    return InnerFolds(numbers, folds)
