"""Almost stochastic order: is one side's whole distribution of scores above the other's, up to a small violation?

Letters: n and m scores of the two sides, k intervals on which both quantile functions are constant, b resamples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from scipy import special

from headstart.stats.intervals import check_confidence
from headstart.stats.limits import Values
from headstart.stats.rounding import differences


@dataclass(frozen=True, slots=True, kw_only=True)
class StochasticOrder:
    """How far `a` is from lying above `b` everywhere.

    Attributes:
        violation: share (0 to 1) of the squared distance of the two distributions where b is above; 0: a lies above
            everywhere, 1: b does, 0.5: neither, or the two are equal.
        upper_bound: of the true violation, at `confidence`.
    """

    violation: float
    upper_bound: float
    confidence: float


def almost_stochastic_order(
    a: Sequence[float], b: Sequence[float], confidence: float = 0.95, *, num_resamples: int = 1_000, seed: int = 0
) -> StochasticOrder:
    """Return how much the scores of `a` violate being stochastically larger than those of `b`.

    Pairing is not used. With few scores the bound is rough: it needs the bootstrap's variance.

    Args:
        a: scores [n].
        b: scores [m].
        confidence: 0 to 1, both excluded.
        num_resamples: draws of both sides for the variance.
        seed: of the draws.

    Raises:
        ValueError: if a side has no score, or `confidence` is not between 0 and 1.

    Source: del Barrio, Cuesta-Albertos and Matran (2018), "An Optimal Transportation Approach for Assessing Almost
    Stochastic Order"; Dror, Shlomov and Reichart (2019), "Deep Dominance"; Ulmer, Hardmeier and Frellsen (2022), arXiv
    2204.06815. Differs from the papers: the integrals over the empirical quantile functions are exact sums, not sums
    over a grid, and two equal samples have a violation of 0.5.
    """
    check_confidence(confidence)
    left, right = numpy.asarray(a, dtype=numpy.float64), numpy.asarray(b, dtype=numpy.float64)
    if not left.size or not right.size:
        raise ValueError(f"both sides need scores, got {left.size} and {right.size}")
    violation = float(_violations(left[None], right[None])[0])
    generator = numpy.random.default_rng(seed)
    resampled = _violations(
        left[generator.integers(0, left.size, size=(num_resamples, left.size))],
        right[generator.integers(0, right.size, size=(num_resamples, right.size))],
    )
    # Scaled by sqrt(nm / (n + m)) the violation is asymptotically normal; scaling and unscaling cancel.
    error = math.sqrt(float(((resampled - violation) ** 2).mean()))
    bound = min(1.0, violation + float(special.ndtri(confidence)) * error)
    return StochasticOrder(violation=violation, upper_bound=bound, confidence=confidence)


def _violations(a: Values, b: Values) -> Values:
    """Return the violation of each pair of samples [b, n] and [b, m]."""
    edges = numpy.unique(
        numpy.concatenate([numpy.arange(size + 1) * (other // math.gcd(size, other)) for size, other in _sizes(a, b)])
    )
    widths = numpy.diff(edges) / edges[-1]
    middles = (edges[:-1] + edges[1:]) / (2.0 * edges[-1])
    gaps = differences(_quantile_functions(a, middles), _quantile_functions(b, middles))
    squares = gaps**2 * widths
    total = squares.sum(axis=1)
    violated = numpy.where(gaps < 0.0, squares, 0.0).sum(axis=1)
    violations: Values = numpy.divide(violated, total, out=numpy.full(len(total), 0.5), where=total > 0.0)
    return violations


def _sizes(a: Values, b: Values) -> tuple[tuple[int, int], tuple[int, int]]:
    return (a.shape[1], b.shape[1]), (b.shape[1], a.shape[1])


def _quantile_functions(samples: Values, levels: Values) -> Values:
    """Return the empirical quantile function of each sample [b, n] at levels [k] strictly between its steps."""
    positions = numpy.floor(levels * samples.shape[1]).astype(numpy.int64)
    values: Values = numpy.sort(samples, axis=1)[:, positions]
    return values
