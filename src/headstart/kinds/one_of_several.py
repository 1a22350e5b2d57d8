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

    def constants(self, labels: Values, weights: Values | None = None) -> list[Values]:
        """Return the answer that most labels are, the first of equals, and of two answers the other one too.

        With more than two answers the most frequent is the best under every metric. A metric of two may be about the
        rarer one, as F1 of class 1 is.
        """
        import numpy as np

        counts = np.bincount(labels.astype(np.int64), weights=weights)
        found = [np.asarray(answer) for answer in np.argsort(-counts, kind="stable") if counts[answer]]
        return found if len(found) <= 2 else found[:1]

    def variance(self, labels: Values) -> float:
        """Return the variance of 0 and 1 for each answer, summed: 1 minus the sum of the squared shares."""
        import numpy as np

        shares = np.bincount(labels.astype(np.int64)) / len(labels)
        return float((shares * (1 - shares)).sum())

    def answers(self, logits: torch.Tensor) -> torch.Tensor:
        """Return probabilities [n, a]."""
        return logits.float().softmax(dim=-1)

    def decisions(self, answers: torch.Tensor) -> torch.Tensor:
        """Return indices [n]."""
        return answers.argmax(dim=-1)

    def loss(
        self, logits: torch.Tensor, labels: torch.Tensor, config: LossConfig, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the mean over examples, each weighed by its class; smoothing spreads a share over all answers."""
        from torch.nn import functional

        loss, of_classes, smoothing = config.loss, config.weights(logits), config.label_smoothing
        logits = loss.adjusted(logits, config.frequencies)
        if not loss.has_factor and weights is None:
            return functional.cross_entropy(logits, labels, weight=of_classes, label_smoothing=smoothing)
        if not loss.has_factor:
            losses = functional.cross_entropy(
                logits, labels, weight=of_classes, label_smoothing=smoothing, reduction="none"
            )
        else:
            log_probability = functional.log_softmax(logits, dim=-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)
            losses = -loss.factor(log_probability.exp()) * log_probability
            losses = losses if of_classes is None else losses * of_classes[labels]
        losses = losses if weights is None else losses * weights
        return losses.mean() if of_classes is None else losses.sum() / of_classes[labels].sum()

    def loss_divisor(self, labels: torch.Tensor, config: LossConfig) -> float:
        """Return the sum of the weights of the examples' classes; their number where all classes weigh the same."""
        of_classes = config.weights(labels.float())
        return float(len(labels)) if of_classes is None else float(of_classes[labels].sum())

    def divergence(self, logits: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Return the mean of both Kullback-Leibler divergences, in nats; choices that a row lacks count nothing."""
        from torch.nn import functional

        is_answer = logits.isfinite() & others.isfinite()
        first, second = (functional.log_softmax(each, dim=-1) for each in (logits, others))
        ratio = first.where(is_answer, 0) - second.where(is_answer, 0)
        return ((first.exp() - second.exp()) * ratio).sum(dim=-1) / 2
