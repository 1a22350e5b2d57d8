"""The temperature that a saved model's logits were divided by, so that its probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass

NO_ROWS = "no rows were held out"
NO_WRONG_ANSWERS = "fewer than two held-out answers were wrong, which do not say how sure the model may be"
ONE_WRONG_UNIT = "the held-out answers that were wrong are all to one text, or one group, and count as one"
NO_GAIN = "it does not lower the log loss of held-out rows that it is not fitted on"
NOT_LINEAR = "the head does not end in a linear map that could take it up"
PRIVATE = "the training was private, and a temperature tells of rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature:
    """What was fitted on held-out answers; the head in the folder has taken it up.

    Attributes:
        value: above 0; None where none was fitted, and the logits are those of the training.
        num_rows: held-out rows whose answers were looked at.
        num_wrong: their wrong decisions; with multi-label answers each class of each row is one.
        num_units: how many independent ones these rows count as, where rows of one group or of one text are among
            them; None where each counts for itself, and for models of an older headstart.
        reason: why none was fitted, as a clause; "" where one was.
    """

    value: float | None
    num_rows: int = 0
    num_wrong: int = 0
    num_units: int | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.value is not None and self.value <= 0) or min(self.num_rows, self.num_wrong) < 0:
            raise ValueError("a temperature is above 0, and its rows are counted from 0")

    def __str__(self) -> str:
        if self.value is None:
            return f"not fitted: {self.reason}"
        fitted = (
            f"{self.value:.3g}, fitted on the answers to {self.num_rows} held-out rows, {self.num_wrong} of them wrong"
        )
        if self.num_units is None:
            return fitted
        return f"{fitted}; rows of one group or text count as one, which leaves {self.num_units}"
