"""What classification and multiple choice have in common: one of several answers is right.

Letters: n examples, a answers (classes or choices).
"""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING

from headstart.kinds.kind import Kind, Values
from headstart.losses import LossConfig

if TYPE_CHECKING:
    import torch


class OneOfSeveral(Kind, ABC):
    """Answers are probabilities [n, a] whose rows add up to 1; decisions [n] are the most probable, first of equals."""

    picks_one = True

    def best_constant(self, labels: Values) -> Values:
        """Return the answer that most labels are, the first of equals."""
        import numpy as np

        return np.asarray(np.bincount(labels.astype(np.int64)).argmax())

    def answers(self, logits: torch.Tensor) -> torch.Tensor:
        """Return probabilities [n, a]."""
        return logits.float().softmax(dim=-1)

    def decisions(self, answers: torch.Tensor) -> torch.Tensor:
        """Return indices [n]."""
        return answers.argmax(dim=-1)

    def loss(self, logits: torch.Tensor, labels: torch.Tensor, config: LossConfig) -> torch.Tensor:
        """Return the mean over examples, each weighed by its class; smoothing spreads a share over all answers."""
        from torch.nn import functional

        loss, weights = config.loss, config.weights(logits)
        logits = loss.adjusted(logits, config.frequencies)
        if not loss.has_factor:
            return functional.cross_entropy(logits, labels, weight=weights, label_smoothing=config.label_smoothing)
        log_probability = functional.log_softmax(logits, dim=-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)
        losses = -loss.factor(log_probability.exp()) * log_probability
        return losses.mean() if weights is None else (losses * weights[labels]).sum() / weights[labels].sum()
