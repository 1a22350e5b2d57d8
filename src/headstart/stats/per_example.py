"""Two models compared on one set of examples. What it shows holds for these two runs, not for their methods."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike, NDArray
from scipy import special

from headstart.stats.row_units import RowUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """The examples that exactly one of two models gets right.

    Attributes:
        num_only_a: examples right by a and wrong by b; `num_only_b` the other way round. Of examples that belong
            together: the units of which a gets more right.
        p_value: exact, two-sided, that both are equally probable; 1 if both numbers are 0.
        mid_p_value: the same with half the weight on the observed outcome: less cautious, nearer to the nominal rate.
    """

    num_only_a: int
    num_only_b: int
    p_value: float
    mid_p_value: float


def mcnemar(
    a_is_right: Sequence[bool] | NDArray[numpy.bool_],
    b_is_right: Sequence[bool] | NDArray[numpy.bool_],
    units: ArrayLike | None = None,
) -> McNemar:
    """Return McNemar's test of two models' answers to the same examples.

    Of examples that belong together, such as repeats, whole units are counted: it is then the sign test of which model
    gets more of a unit right.

    Args:
        a_is_right: [n].
        b_is_right: [n].
        units: for each example the number of its unit [n]; None takes each for itself.

    Raises:
        ValueError: if the sides are empty or of different length.

    Source: McNemar (1947), Psychometrika 12; the mid-p value after Fagerland, Lydersen and Laake (2013), BMC Medical
    Research Methodology 13:91.
    """
    a, b = numpy.asarray(a_is_right, dtype=bool), numpy.asarray(b_is_right, dtype=bool)
    if a.shape != b.shape or a.ndim != 1 or not a.size:
        raise ValueError(f"two models are compared on the same examples, got the shapes {a.shape} and {b.shape}")
    more = RowUnits.of(units, len(a)).sums(a[:, None].astype(float) - b[:, None])
    only_a, only_b = int((more > 0).sum()), int((more < 0).sum())
    p_value, mid_p_value = _coin_p_values(only_a, only_b)
    return McNemar(num_only_a=only_a, num_only_b=only_b, p_value=p_value, mid_p_value=mid_p_value)


def _coin_p_values(heads: int, tails: int) -> tuple[float, float]:
    """Return the exact p value and the mid-p value that a coin is fair, both two-sided."""
    total, fewer = heads + tails, min(heads, tails)
    if not total:
        return 1.0, 1.0
    log_ways = math.lgamma(total + 1) - math.lgamma(fewer + 1) - math.lgamma(total - fewer + 1)
    chance = math.exp(log_ways - total * math.log(2.0))
    if heads == tails:
        return 1.0, 1.0 - chance / 2.0
    p_value = 2.0 * float(special.bdtr(fewer, total, 0.5))
    return p_value, p_value - chance
