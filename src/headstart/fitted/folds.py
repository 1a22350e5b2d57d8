"""Deal rows to folds: in random order, or each class's rows in turn. Letters: n rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.kinds.kind import Values
from headstart.seeding import numpy_generator


def deal_folds(num_rows: int, num_folds: int, *, strata: Values | None, seed: int, stream: str) -> NDArray[np.int64]:
    """Return each row's fold [n]; with `strata` [n] the rows of one value go through the folds in turn.

    Args:
        num_rows: n.
        num_folds: their number.
        strata: what is to be spread evenly, such as classes; None for rows as they come.
        seed: root of the random stream.
        stream: its name.
    """
    order = numpy_generator(seed, stream).permutation(num_rows)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    folds = np.empty(num_rows, dtype=np.int64)
    folds[order] = np.arange(num_rows) % num_folds
    return folds
