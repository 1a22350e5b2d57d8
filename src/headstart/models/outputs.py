"""What logits mean, by the task's kind.

Letters: s sequences, b examples, k logits, c classes, m choices of the example that has the most. An example is read as
one sequence; as one per choice, for multiple choice; or as one per window, for texts longer than the model reads.
"""

from __future__ import annotations

import torch

from headstart.kinds import TaskKind


def num_logits(kind: TaskKind, num_labels: int) -> int:
    """Return how many logits a head gives per sequence: one per class, or one in all where the task has no classes."""
    return num_labels if kind.has_classes else 1


def example_logits(kind: TaskKind, logits: torch.Tensor, num_sequences: torch.Tensor | None) -> torch.Tensor:
    """Return logits per example from logits per sequence [s, k].

    Args:
        kind: for multiple choice the sequences' single logits stand side by side, [b, m], with minus infinity where an
            example has fewer choices; otherwise the logits of an example's windows are averaged, [b, k].
        logits: of all sequences, those of one example after another.
        num_sequences: [b], how many each example has; None where each has one.
    """
    if num_sequences is None:
        return logits
    if kind is TaskKind.MULTIPLE_CHOICE:
        places = torch.arange(int(num_sequences.max()), device=logits.device) < num_sequences.unsqueeze(1)
        side_by_side = logits.new_full(places.shape, -torch.inf)
        return side_by_side.masked_scatter(places, logits.squeeze(-1))
    examples = torch.arange(len(num_sequences), device=logits.device).repeat_interleave(num_sequences)
    totals = logits.new_zeros(len(num_sequences), logits.shape[-1]).index_add(0, examples, logits)
    return totals / num_sequences.unsqueeze(1)


def answers(kind: TaskKind, logits: torch.Tensor) -> torch.Tensor:
    """Return what the model says of each example, from logits [b, k] or [b, m], in fp32.

    Probabilities of classes [b, c] or choices [b, m], whose rows add up to 1 but for several classes at once; one logit
    for two classes is the second one's log-odds. For regression the values [b, 1].
    """
    logits = logits.float()
    if kind is TaskKind.REGRESSION:
        return logits
    if kind is TaskKind.MULTI_LABEL:
        return torch.sigmoid(logits)
    if kind is TaskKind.CLASSIFICATION and logits.shape[-1] == 1:
        positive = torch.sigmoid(logits)
        return torch.cat([1 - positive, positive], dim=-1)
    return torch.softmax(logits, dim=-1)


def decisions(kind: TaskKind, answers: torch.Tensor) -> torch.Tensor:
    """Return what is scored against the labels, from `answers`.

    The most probable class or choice [b], the first of equals; for several classes at once 1 for each that is at least
    as probable as not, [b, c]; for regression the values [b].
    """
    if kind is TaskKind.REGRESSION:
        return answers.squeeze(-1)
    if kind is TaskKind.MULTI_LABEL:
        return (answers >= 0.5).long()
    return answers.argmax(dim=-1)
