"""When a comparison gets no more seeds. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.errors import UsageError
from headstart.stats.comparisons import MIN_SEEDS_FOR_VERDICT
from headstart.stats.sequential import SequentialDesign, look_every

DEFAULT_MAX_SEEDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingRule:
    """When no more seeds are added: looks come after every seed from six on.

    Attributes:
        max_seeds: the most that are run.
        narrower_than: width of an interval that is narrow enough, in the scores' unit; None asks that zero be left out.

    Raises:
        UsageError: if a value is outside its range.
    """

    max_seeds: int = DEFAULT_MAX_SEEDS
    narrower_than: float | None = None

    def __post_init__(self) -> None:
        if self.max_seeds < MIN_SEEDS_FOR_VERDICT:
            raise UsageError(
                f"`max_seeds` was given as {self.max_seeds}",
                allowed=f"  The first look is at {MIN_SEEDS_FOR_VERDICT} paired seeds.",
                remedy=f"  Give {MIN_SEEDS_FOR_VERDICT} or more.",
            )
        if self.narrower_than is not None and not 0.0 < self.narrower_than <= 1.0:
            raise UsageError(
                f"`narrower_than` was given as {100 * self.narrower_than:g}",
                allowed="  It is in points, above 0 and at most 100.",
            )

    @property
    def design(self) -> SequentialDesign:
        """The looks."""
        return look_every(1, max_pairs=self.max_seeds)
