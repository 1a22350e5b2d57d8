"""What a stage minimises, by the task's kind and the user's choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from headstart.kinds.kind import Kind
from headstart.losses import LossConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The loss of a batch, in nats (squared units for regression)."""

    kind: Kind
    config: LossConfig

    def __call__(self, logits: torch.Tensor, targets: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the mean loss of examples.

        Args:
            logits: per sequence, [s, k].
            targets: `labels` as `PaddingCollator` makes them, `num_sequences` where examples have several, and
                `weights` where examples do not count the same.
        """
        per_example = self.kind.example_logits(logits.float(), targets.get("num_sequences"))
        return self.kind.loss(per_example, targets["labels"], self.config, targets.get("weights"))

    def divisor(self, targets: Mapping[str, torch.Tensor]) -> float:
        """Return what the sum of the examples' losses is divided by, up to a factor that all batches share."""
        return self.kind.loss_divisor(targets["labels"], self.config)
