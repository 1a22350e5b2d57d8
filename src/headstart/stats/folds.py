"""Seeds that go through folds: seed n holds out fold n modulo their number.

Seeds that hold out one fold share its rows, and what is easy or hard about them: they are no independent runs. The unit
is the fold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean


def mean_by_fold(values: Mapping[int, float], num_folds: int | None) -> dict[int, float]:
    """Return the mean of each fold's values, by fold; without folds the values as they are, by seed.

    Args:
        values: by seed.
        num_folds: that the seeds go through, 1 or more; None where all of them share one split.
    """
    if num_folds is None:
        return dict(values)
    by_fold: defaultdict[int, list[float]] = defaultdict(list)
    for seed, value in values.items():
        by_fold[seed % num_folds].append(value)
    return {fold: fmean(by_fold[fold]) for fold in sorted(by_fold)}
