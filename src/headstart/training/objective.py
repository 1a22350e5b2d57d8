"""What a stage minimises, by the task's kind and the user's choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from headstart.errors import UsageError
from headstart.kinds.kind import Kind
from headstart.losses import LOSSES, CrossEntropy, LossConfig
from headstart.registry import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The loss of a batch, in nats (squared units for regression)."""

    kind: Kind
    config: LossConfig

    def __call__(self, logits: torch.Tensor, targets: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the mean loss of examples.

        Args:
            logits: per sequence, [s, k].
            targets: `labels` as `PaddingCollator` makes them, and `num_sequences` where examples have several.
        """
        per_example = self.kind.example_logits(logits.float(), targets.get("num_sequences"))
        return self.kind.loss(per_example, targets["labels"], self.config)


def resolve_loss(
    kind: Kind,
    spec: Spec,
    *,
    label_smoothing: float = 0.0,
    class_weights: Sequence[float] | None = None,
    class_counts: Sequence[int] = (),
) -> LossConfig:
    """Return a loss with all that it needs to know of the training rows, checked.

    Args:
        kind: the task's.
        spec: a name of `LOSSES` with its options.
        label_smoothing: from 0 up to but not including 1.
        class_weights: one per class, above 0; None where all are equal.
        class_counts: training rows of each class; a class without any counts as one.

    Raises:
        UsageError: if the loss or an option is unknown, or cannot be used on this kind of task.
    """
    loss = LossConfig(spec=spec).loss
    if not 0 <= label_smoothing < 1:
        raise UsageError(f"`label_smoothing` was given as {label_smoothing}", allowed="  It is 0 or more, and under 1.")
    usable = [name for name in LOSSES if _fits(LOSSES.get(name), kind)]
    if spec.name not in usable:
        raise UsageError(
            f"the loss {spec.name!r} is not defined for a task of kind {kind}",
            allowed=f"  Losses that are: {', '.join(usable)}.",
        )
    if not kind.has_classes and (label_smoothing or class_weights is not None):
        option = "label_smoothing" if label_smoothing else "class_weights"
        raise UsageError(
            f"`{option}` would have no effect: a task of kind {kind} has no classes", remedy="  Leave it out."
        )
    if label_smoothing and loss.has_factor:
        raise UsageError(
            f"`label_smoothing` would have no defined effect on the loss {spec.name!r}", remedy="  Leave one out."
        )
    counts = [max(1, count) for count in class_counts] if loss.needs_frequencies else []
    return LossConfig(
        spec=spec,
        label_smoothing=label_smoothing,
        class_weights=tuple(class_weights or ()),
        frequencies=tuple(count / sum(counts) for count in counts),
    )


def balanced_weights(class_counts: Sequence[int]) -> tuple[float, ...]:
    """Return weights inverse to the classes' frequencies, n / (c n_i), as scikit-learn's "balanced" has them.

    A class without any training row counts as one.
    """
    counts = [max(1, count) for count in class_counts]
    return tuple(sum(counts) / (len(counts) * count) for count in counts)


def _fits(loss: type[CrossEntropy], kind: Kind) -> bool:
    return (kind.has_classes or not loss.needs_classes) and (kind.picks_one or not loss.needs_frequencies)
