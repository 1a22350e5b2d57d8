"""Mean and spread of one experiment's scores over its seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Mean and spread of `n` values, in the values' own unit.

    Attributes:
        standard_deviation: of the sample (divisor n - 1); None for a single value, which has no spread.
        lower_quartile: between order statistics, as NumPy does by default; `upper_quartile` likewise.
    """

    n: int
    mean: float
    standard_deviation: float | None
    minimum: float
    maximum: float
    median: float
    lower_quartile: float
    upper_quartile: float

    @property
    def standard_error(self) -> float | None:
        """Standard error of the mean; None for a single value."""
        return None if self.standard_deviation is None else self.standard_deviation / math.sqrt(self.n)


def summarise(values: Iterable[float]) -> Summary:
    """Return the summary of at least one finite value.

    Raises:
        ValueError: if `values` is empty or one is not finite.
    """
    numbers = [float(value) for value in values]
    if not numbers or not all(map(math.isfinite, numbers)):
        raise ValueError(f"a summary needs at least one value, all of them finite, got {numbers}")
    quartiles = statistics.quantiles(numbers, n=4, method="inclusive") if len(numbers) > 1 else numbers * 3
    return Summary(
        n=len(numbers),
        mean=statistics.fmean(numbers),
        standard_deviation=statistics.stdev(numbers) if len(numbers) > 1 else None,
        minimum=min(numbers),
        maximum=max(numbers),
        median=statistics.median(numbers),
        lower_quartile=quartiles[0],
        upper_quartile=quartiles[2],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """How the runs of one experiment ended; nothing is dropped.

    Attributes:
        summary: of the finished runs' scores, degenerate ones included; None when none finished.
        num_failed: runs without a score.
        num_constant: finished runs that gave every example the same answer.
        num_at_constant_score: finished runs that scored no higher than the best constant answer.
        num_degenerate: finished runs to which either applies.
    """

    summary: Summary | None
    num_failed: int
    num_constant: int
    num_at_constant_score: int
    num_degenerate: int


def count_outcomes(
    scores: Mapping[int, float],
    *,
    constant_scores: Mapping[int, float],
    constant_seeds: Collection[int] = (),
    num_failed: int = 0,
) -> Outcomes:
    """Count how the runs of one experiment ended.

    Args:
        scores: those of the finished runs, by seed.
        constant_scores: of the best constant answer to the rows of each of these runs, by seed.
        constant_seeds: of the finished runs that gave every example the same answer.
        num_failed: runs without a score.
    """
    constant = scores.keys() & set(constant_seeds)
    at_constant_score = {seed for seed, score in scores.items() if score <= constant_scores[seed]}
    return Outcomes(
        summary=summarise(scores.values()) if scores else None,
        num_failed=num_failed,
        num_constant=len(constant),
        num_at_constant_score=len(at_constant_score),
        num_degenerate=len(constant | at_constant_score),
    )


def standard_error_of_score(score: Summary, num_examples: int) -> float:
    """Return the standard error of a mean score, from its seeds and from the examples it was measured on.

    Both parts add as variances: sd^2 / n over seeds, and p (1 - p) / N over examples, p being the mean. With one seed
    only the second is known. The second part is exact for accuracy and an approximation for other metrics.
    """
    proportion = min(max(score.mean, 0.0), 1.0)
    over_examples = proportion * (1.0 - proportion) / max(num_examples, 1)
    over_seeds = (score.standard_error or 0.0) ** 2
    return math.sqrt(over_seeds + over_examples)


def clearly_above(score: Summary, reference: float, num_examples: int) -> bool:
    """Return whether a mean score lies more than two standard errors above `reference`."""
    return score.mean > reference + 2.0 * standard_error_of_score(score, num_examples)
