"""From which probability on a row gets a label, where it may have several: tuned on held-out answers."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.shown_text import as_name
from headstart.stats.thresholds import HALF

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What was tuned on held-out answers, for F1 of each label.

    Attributes:
        values: of the labels, in their order, 0 to 1.
        num_rows: held-out rows whose answers were looked at.
        num_kept: labels that keep one half, since too few rows have or lack them.
        macro_f1: of these rows, each of which was decided by thresholds that were tuned without it.
        macro_f1_at_half: of the same rows, decided at one half.
    """

    values: tuple[float, ...]
    num_rows: int
    num_kept: int
    macro_f1: float
    macro_f1_at_half: float

    def __post_init__(self) -> None:
        if not all(0 <= value <= 1 for value in (*self.values, self.macro_f1, self.macro_f1_at_half)):
            raise ValueError("thresholds and their scores are from 0 to 1")
        if self.num_rows < 0 or not 0 <= self.num_kept <= len(self.values):
            raise ValueError("rows are counted from 0, and no more labels are kept than there are")

    def __str__(self) -> str:
        kept = f"; {self.num_kept} of {len(self.values)} labels have too few rows and keep 0.5" if self.num_kept else ""
        return (
            f"tuned on the answers to {self.num_rows} held-out rows{kept}; macro_f1 {100 * self.macro_f1:.2f}, each "
            f"row decided by thresholds that were tuned without it, and {100 * self.macro_f1_at_half:.2f} at 0.5"
        )

    def listed(self, labels: tuple[str, ...]) -> str:
        """Return the thresholds that are not one half by the names of their labels; of many, the first ones."""
        named = zip(labels, self.values, strict=True)
        tuned = [f"{as_name(label)} {value:.3g}" for label, value in named if value != HALF]
        more = [f"{len(tuned) - MOST_SHOWN} more"] if len(tuned) > MOST_SHOWN else []
        others = ["0.5 for all others" if tuned else "0.5 for all"] if len(tuned) < len(labels) else []
        return ", ".join([*tuned[:MOST_SHOWN], *more, *others])
