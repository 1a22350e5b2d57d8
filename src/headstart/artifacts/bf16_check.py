"""What answering in bf16 changes of a model's answers: measured where it was trained, read where it predicts."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_ALLOWED = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Bf16Check:
    """Held-out rows answered in fp32 and in bf16.

    Attributes:
        num_rows: that were answered in both.
        num_changed: rows with another decision; a number is none.
        largest_difference: between two probabilities of one answer; between two numbers, as a share of their spread.
    """

    num_rows: int
    num_changed: int
    largest_difference: float

    def __post_init__(self) -> None:
        if not 0 <= self.num_changed <= self.num_rows or self.largest_difference < 0:
            raise ValueError("no rows can be answered so in fp32 and in bf16")

    @property
    def is_close(self) -> bool:
        """Whether no decision changed, and no answer by more than 0.01."""
        return self.num_changed == 0 and self.largest_difference <= LARGEST_ALLOWED

    def __str__(self) -> str:
        decisions = "1 decision" if self.num_changed == 1 else f"{self.num_changed or 'no'} decisions"
        allowed = "" if self.is_close else f" (allowed: none, {LARGEST_ALLOWED})"
        return (
            f"on {self.num_rows} held-out rows bf16 changed {decisions} and moved answers by up to "
            f"{self.largest_difference:.3g}{allowed}"
        )
