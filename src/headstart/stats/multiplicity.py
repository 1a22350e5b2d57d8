"""Several comparisons at once: the more are made, the more of them look like something by chance."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def holm(p_values: Mapping[K, float]) -> dict[K, float]:
    """Return adjusted p values, in the given order; their number is the number of comparisons to state.

    Calling every comparison with an adjusted p value of at most 0.05 significant errs anywhere with a probability of at
    most 0.05, however the comparisons depend on each other.

    Raises:
        ValueError: if a p value is not between 0 and 1.

    Source: Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
    Statistics 6.
    """
    if not all(0.0 <= value <= 1.0 for value in p_values.values()):
        raise ValueError(f"p values lie between 0 and 1, got {dict(p_values)}")
    adjusted, largest = dict(p_values), 0.0
    for position, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - position) * p_values[name]))
        adjusted[name] = largest
    return adjusted
