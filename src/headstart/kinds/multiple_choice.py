"""One of the choices that come with the example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, final

from headstart.kinds.cells import INTEGER, is_missing
from headstart.kinds.kind import Answers, Cell
from headstart.kinds.one_of_several import OneOfSeveral

if TYPE_CHECKING:
    import torch


@final
class MultipleChoice(OneOfSeveral):
    """One of m choices, each read with the example's text and given one logit."""

    name = "multiple_choice"
    metrics = ("accuracy",)
    has_choices = True
    shift_cancels = True
    decision = ("predicted_choice", 0)

    def would_take(self, cells: Sequence[object], separator: str | None, choices: Sequence[str]) -> str | None:
        """Take what has columns of choices."""
        return "since `choices` were given" if choices else None

    def read(self, value: object, separator: str | None, choices: Sequence[str]) -> Cell:
        """Return the number of the right choice, from 0: given as such, or by its column's name."""
        if is_missing(value):
            raise ValueError("is missing")
        name = str(value).strip()
        if name in choices:
            return Cell(number=choices.index(name))
        if INTEGER.fullmatch(name) and 0 <= int(name) < len(choices):
            return Cell(number=int(name))
        raise ValueError(f"does not name a choice: 0 to {len(choices) - 1}, or {', '.join(choices)}")

    def written(self, decision: Any, labels: Sequence[str]) -> int:
        """Return the choice's number."""
        return int(decision)

    def answered_variance(self, answers: Answers) -> float:
        """Return the squared distance from answering all choices of a row alike, [n, m], summed; the mean over rows.

        Rows may differ in their number of choices, so that even such answers are not the same in all of them.
        """
        import numpy as np

        is_choice = answers > 0  # Exactly 0 is a choice that a row lacks; each row has two or more.
        alike = is_choice / is_choice.sum(axis=1, keepdims=True).clip(min=2)
        return float(((np.asarray(answers, dtype=np.float64) - alike) ** 2).sum(axis=1).mean())

    def example_logits(self, logits: torch.Tensor, num_sequences: torch.Tensor | None) -> torch.Tensor:
        """Put the logits [s, 1] of an example's choices side by side, [n, m], minus infinity where it has fewer."""
        import torch

        if num_sequences is None:
            return logits
        places = torch.arange(int(num_sequences.max()), device=logits.device) < num_sequences.unsqueeze(1)
        return logits.new_full(places.shape, -torch.inf).masked_scatter(places, logits.squeeze(-1))
