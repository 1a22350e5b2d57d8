"""EMA: fine-tuning that ends with an average of its weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from headstart.registry import FROM_ABOVE_ZERO_TO_ONE, FROM_ZERO_TO_ONE, Spec
from headstart.strategies.strategy import Stage
from headstart.strategies.variant import FinetuneVariant


@final
@dataclass(frozen=True, slots=True)
class Ema(FinetuneVariant):
    """Fine-tuning whose result is a moving average of the weights over its last updates.

    Attributes:
        decay: how much of the average stays at an update; the average begins as a plain mean and becomes an exponential
            one when it is as long as the decay remembers. 1 is the plain mean (SWA), 0 the last weights: plain
            fine-tuning.
        tail: share of the updates that are averaged over, the last ones.

    Source: Izmailov et al. (UAI 2018), "Averaging Weights Leads to Wider Optima and Better Generalization", section
    3.1; for pretrained language models Lu et al. (EMNLP Findings 2022), "Improving Generalization of Pre-trained
    Language Models via Stochastic Weight Averaging".

    Differs from the papers: the learning rate decays as ever; theirs is high and constant over the tail.
    """

    decay: Annotated[float, FROM_ZERO_TO_ONE] = 0.99
    tail: Annotated[float, FROM_ABOVE_ZERO_TO_ONE] = 0.5

    name: ClassVar[str] = "ema"

    def changed(self, stage: Stage) -> Stage:
        """Return the stage with averaged weights."""
        if self.decay == 0:
            return stage
        return replace(stage, regulariser=Spec("weight_average", (("decay", self.decay), ("tail", self.tail))))
