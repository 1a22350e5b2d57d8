"""Dropout at another rate than the model's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch

from headstart.training.regularisers.dropout_rates import Rate, dropout_rates
from headstart.training.regularisers.regulariser import RegularisedStage, Regulariser, StageView


@final
@dataclass(frozen=True, slots=True)
class Dropout(Regulariser):
    """Every dropout of backbone and head has this `probability` during the stage, that of attention included."""

    probability: float = 0.0

    def refusal(self, model: torch.nn.Module) -> str | None:
        """Refuse a model that has this rate everywhere, or no dropout at all."""
        rates = {value for _, value in dropout_rates(model)}
        if not rates:
            return "this model has no dropout"
        return f"the dropout of this model is {self.probability:g} everywhere" if rates == {self.probability} else None

    def start(self, view: StageView) -> RegularisedStage:
        """Set the rates."""
        return _AtRate(self.probability, view)


class _AtRate(RegularisedStage):
    def __init__(self, probability: float, view: StageView) -> None:
        self._before: list[tuple[Rate, float]] = list(dropout_rates(view.model))
        for (module, name), _ in self._before:
            setattr(module, name, probability)

    def end(self) -> None:
        for (module, name), value in self._before:
            setattr(module, name, value)
