"""Rows of one unit, such as repeats of one text, are no independent ones: units are drawn whole, and counted.

Letters: n rows, u units, k numbers of a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike, NDArray

from headstart.dealing.folds import unit_numbers
from headstart.stats.limits import Values


@dataclass(frozen=True, slots=True)
class RowUnits:
    """The rows of each unit.

    Attributes:
        rows: [n], unit after unit.
        starts: [u], where each unit's rows begin among these.
        sizes: [u], how many they are.
    """

    rows: NDArray[numpy.int64]
    starts: NDArray[numpy.int64]
    sizes: NDArray[numpy.int64]

    @classmethod
    def of(cls, units: ArrayLike | None, num_rows: int) -> RowUnits:
        """Return the rows of each unit; `units` [n] has the number of each row's, None takes each row for itself."""
        numbers = unit_numbers(units, num_rows)
        _, starts, sizes = numpy.unique(numpy.sort(numbers), return_index=True, return_counts=True)
        return cls(numpy.argsort(numbers, kind="stable"), starts, sizes)

    def __len__(self) -> int:
        return len(self.sizes)

    def drawn(self, generator: numpy.random.Generator) -> NDArray[numpy.int64]:
        """Return the rows of u units that are drawn with replacement: one draw of a bootstrap over whole units.

        Source: Davison and Hinkley (1997), "Bootstrap Methods and their Application", section 3.8, strategy 1.
        """
        picked = generator.integers(0, len(self), len(self))
        sizes = self.sizes[picked]
        before = numpy.cumsum(sizes) - sizes
        drawn: NDArray[numpy.int64] = self.rows[
            numpy.repeat(self.starts[picked] - before, sizes) + numpy.arange(sizes.sum())
        ]
        return drawn

    def sums(self, values: Values) -> Values:
        """Return the sums over each unit's rows [u, k] of values [n, k]."""
        sums: Values = numpy.add.reduceat(values[self.rows], self.starts, axis=0)
        return sums

    def effective_number(self, is_right: NDArray[numpy.bool_]) -> float:
        """Return how many independent rows would tell as much of the share of right answers as these n do.

        It is n divided by the design effect: the variance of the share over whole units, in relation to that of
        independent rows. It is at most n. Where all answers are right, or all wrong, no variance can be seen, and the
        rows of a unit count as copies of one. Rows of which each is there several times count once.

        Source: Kish (1965), "Survey Sampling", chapters 5 and 8; Korn and Graubard (1998), "Confidence Intervals for
        Proportions With Small Expected Number of Positive Counts Estimated From Survey Data", Survey Methodology 24.
        """
        num_rows = len(is_right)
        if len(self) == num_rows:
            return num_rows
        share = float(is_right.mean())
        if share in (0.0, 1.0):
            return float(num_rows**2 / (self.sizes**2).sum())
        errors = self.sums(is_right[:, None].astype(numpy.float64))[:, 0] - share * self.sizes
        spread = float((errors**2).sum())
        return min(float(num_rows), share * (1 - share) * num_rows**2 / spread) if spread else float(num_rows)
