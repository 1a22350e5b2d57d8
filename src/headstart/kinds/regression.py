"""A number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, final

from headstart.kinds.cells import NUMBER
from headstart.kinds.kind import Answers, Cell, Kind, Values
from headstart.losses import LossConfig, Scale

if TYPE_CHECKING:
    import torch


@final
class Regression(Kind):
    """A finite number: answers are values [n, 1], decisions the same values [n]."""

    name = "regression"
    metrics = ("pearson", "spearman", "mae", "rmse")
    has_units = True
    problem_type = "regression"
    dtype = "float64"
    # The values themselves are the answers: within a hundredth of the labels' spread they are one value.
    least_spread = 1e-2
    decision = ("predicted_value", 0.0)

    def would_take(self, cells: Sequence[object], separator: str | None, choices: Sequence[str]) -> str | None:
        """Take numbers of which some are not whole; text is read as a number."""
        numbers = [_number(value) for value in cells]
        if None in numbers or all(number.is_integer() for number in numbers if number and math.isfinite(number)):
            return None
        return "since the labels are numbers that are not all whole; `kind` classification forces classes"

    def read(self, value: object, separator: str | None, choices: Sequence[str]) -> Cell:
        """Return a finite number."""
        if value is None or (isinstance(value, str) and not value.strip()):
            raise ValueError("is missing")
        number = _number(value)
        if number is None:
            raise ValueError("is not a number")
        if not math.isfinite(number):
            raise ValueError("is not a finite number")
        return Cell(number=number)

    def indexed_label(self, value: object, size: int) -> float:
        """Return the number."""
        if isinstance(value, str) or (number := _number(value)) is None or not math.isfinite(number):
            raise ValueError(f"the label is {value!r}, and not a finite number")
        return number

    def target(self, value: object, size: int) -> float:
        """Return the number."""
        return float(self.indexed_label(value, size))

    def fault_of_all(self, cells: Sequence[Cell]) -> str:
        """Numbers need to differ."""
        distinct = {cell.number for cell in cells}
        is_useless = len(distinct) == 1 < len(cells)
        return f"all rows have the number {distinct.pop():g}: they teach nothing" if is_useless else ""

    def constants(self, labels: Values, weights: Values | None = None) -> list[Values]:
        """Return the mean and the median: the best under squared and under absolute errors; correlations are 0."""
        import numpy as np

        if weights is None:
            return [np.asarray(labels.mean()), np.asarray(np.median(labels))]
        order = np.argsort(labels)
        reached = np.cumsum(weights[order])
        median = labels[order[np.searchsorted(reached, reached[-1] / 2)]]
        return [np.asarray(np.average(labels, weights=weights)), np.asarray(median)]

    def variance(self, labels: Values) -> float:
        """Return the numbers' variance."""
        return float(labels.var())

    def num_changed(self, decisions: Values, others: Values) -> int:
        """Return 0: a number decides nothing."""
        return 0

    def largest_difference(self, answers: Answers, others: Answers) -> float:
        """Return the largest difference as a share of the standard deviation of `answers`, where they differ."""
        spread = float(answers.astype("float64").std())
        return super().largest_difference(answers, others) / (spread or 1.0)

    def scale(self, labels: Values, weights: Values | None = None) -> Scale:
        """Return the units in which the labels have mean 0 and standard deviation 1 (1 of their own if all are equal).

        A loss in any other would be learned at another pace by the same learning rate.
        """
        import numpy as np

        mean, deviation = float(labels.mean()), float(labels.std())
        if weights is not None:
            mean = float(np.average(labels, weights=weights))
            deviation = math.sqrt(np.average(np.square(labels - mean), weights=weights))
        return Scale(offset=mean, size=deviation if deviation > 0 else 1.0)

    def written(self, decision: Any, labels: Sequence[str]) -> float:
        """Return the shortest decimal that tells the number from its fp32 neighbours."""
        import numpy as np

        return float(str(np.float32(decision)))

    def answers(self, logits: torch.Tensor) -> torch.Tensor:
        """Return values [n, 1]."""
        return logits.float()

    def decisions(self, answers: torch.Tensor) -> torch.Tensor:
        """Return values [n]."""
        return answers.squeeze(-1)

    def loss(
        self, logits: torch.Tensor, labels: torch.Tensor, config: LossConfig, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the mean squared error in the units of the scale, in which the logits are."""
        from torch.nn.functional import mse_loss

        values, targets = logits.squeeze(-1), config.scale.standard(labels).float()
        if weights is None:
            return mse_loss(values, targets)
        return (mse_loss(values, targets, reduction="none") * weights).mean()

    def divergence(self, logits: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Return the squared difference in the units of the scale."""
        return (logits - others).square().squeeze(-1)


def _number(value: object) -> float | None:
    """Return a number, also where it is written as text; None where the value is neither."""
    is_text = isinstance(value, str) and NUMBER.fullmatch(value.strip())
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return float(value) if is_text or is_number else None  # type: ignore[arg-type]
