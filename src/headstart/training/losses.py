"""What a stage minimises, by the task's kind and the user's choice.

Letters: s sequences, b examples, k logits, c classes, m choices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from headstart.errors import UsageError
from headstart.kinds import TaskKind
from headstart.models.outputs import example_logits
from headstart.registry import Registry, Scalar, Spec
from headstart.training.config import LossConfig

LOSSES: Registry[dict[str, float]] = Registry("loss")
"""The losses by name, each with its options and their defaults."""
LOSSES.add("cross_entropy", {})
LOSSES.add("focal", {"gamma": 2.0})
LOSSES.add("balanced_softmax", {})
LOSSES.add("logit_adjusted", {"tau": 1.0})

NEEDS_FREQUENCIES = ("balanced_softmax", "logit_adjusted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The loss of a batch, in nats (squared units for regression), from logits per sequence.

    Cross-entropy over classes or choices, the mean of c binary ones for several classes at once, mean squared error
    for regression. One logit for two classes is read as the second one's log-odds.

    Source: focal loss, Lin et al. (ICCV 2017), equation 4; balanced softmax, Ren et al. (NeurIPS 2020), equation 4;
    logit adjustment, Menon et al. (ICLR 2021), equation 10, which at tau = 1 is the balanced softmax.
    """

    kind: TaskKind
    config: LossConfig

    def __call__(self, logits: torch.Tensor, targets: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the mean loss.

        Args:
            logits: [s, k].
            targets: `labels` as `PaddingCollator` makes them, and `num_sequences` [b] where examples have several.
        """
        per_example = example_logits(self.kind, logits.float(), targets.get("num_sequences"))
        labels = targets["labels"]
        if self.kind is TaskKind.REGRESSION:
            return functional.mse_loss(per_example.squeeze(-1), labels)
        if self.kind is TaskKind.MULTI_LABEL:
            return self._binary(per_example, labels)
        if self.kind is TaskKind.CLASSIFICATION and per_example.shape[-1] == 1:
            per_example = torch.cat([torch.zeros_like(per_example), per_example], dim=-1)
        return self._multi_class(per_example, labels)

    def _multi_class(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        weights = self._class_weights(logits)
        if self.config.frequencies:
            frequencies = torch.tensor(self.config.frequencies, device=logits.device)
            logits = logits + self._option("tau", 1.0) * frequencies.log()
        if self.config.spec.name != "focal":
            return functional.cross_entropy(logits, labels, weight=weights, label_smoothing=self.config.label_smoothing)
        log_probability = functional.log_softmax(logits, dim=-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)
        losses = -((1 - log_probability.exp()) ** self._option("gamma", 2.0)) * log_probability
        return losses.mean() if weights is None else (losses * weights[labels]).sum() / weights[labels].sum()

    def _binary(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean over examples and classes; smoothing moves every target towards one half."""
        smoothing = self.config.label_smoothing
        smooth = labels * (1 - smoothing) + smoothing / 2
        losses = functional.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
        if self.config.spec.name == "focal":
            probability = torch.sigmoid(torch.where(labels > 0, logits, -logits))
            losses = losses * (1 - probability) ** self._option("gamma", 2.0)
        weights = self._class_weights(logits)
        return losses.mean() if weights is None else (losses * weights).mean() / weights.mean()

    def _class_weights(self, logits: torch.Tensor) -> torch.Tensor | None:
        return torch.tensor(self.config.class_weights, device=logits.device) if self.config.class_weights else None

    def _option(self, name: str, default: float) -> float:
        return float(self.config.spec.option_dict().get(name, default))


def resolve_loss(
    kind: TaskKind,
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
        class_weights: one per class, above 0; None for none.
        class_counts: training rows of each class; a class without any counts as one.

    Raises:
        UsageError: if the loss or an option is unknown, or cannot be used on this kind of task.
    """
    _check_options(spec)
    if not 0 <= label_smoothing < 1:
        raise UsageError(f"--label-smoothing was given as {label_smoothing}", allowed="  It is 0 or more, and under 1.")
    _check_kind(kind, spec, label_smoothing, class_weights)
    if spec.name == "focal" and label_smoothing:
        raise UsageError("--label-smoothing would have no defined effect on the focal loss", remedy="  Leave one out.")
    frequencies: tuple[float, ...] = ()
    if spec.name in NEEDS_FREQUENCIES:
        counts = [max(1, count) for count in class_counts]
        frequencies = tuple(count / sum(counts) for count in counts)
    return LossConfig(
        spec=spec,
        label_smoothing=label_smoothing,
        class_weights=tuple(class_weights or ()),
        frequencies=frequencies,
    )


def balanced_weights(class_counts: Sequence[int]) -> tuple[float, ...]:
    """Return weights inverse to the classes' frequencies, n / (c n_i), as scikit-learn's "balanced" has them.

    A class without any training row counts as one.
    """
    counts = [max(1, count) for count in class_counts]
    return tuple(sum(counts) / (len(counts) * count) for count in counts)


def _check_options(spec: Spec) -> None:
    known = LOSSES.get(spec.name)
    for option, value in spec.options:
        if option not in known:
            allowed = ", ".join(known) or "none"
            raise UsageError(f"the loss {spec.name!r} has no option {option!r}", allowed=f"  Its options: {allowed}.")
        if not _is_positive(value):
            raise UsageError(f"{option!r} of the loss {spec.name!r} was given as {value!r}", allowed="  It is above 0.")


def _is_positive(value: Scalar) -> bool:
    return not isinstance(value, bool | str) and math.isfinite(value) and value > 0


def _check_kind(kind: TaskKind, spec: Spec, label_smoothing: float, class_weights: Sequence[float] | None) -> None:
    usable = {
        TaskKind.CLASSIFICATION: LOSSES.names(),
        TaskKind.MULTI_LABEL: ("cross_entropy", "focal"),
    }.get(kind, ("cross_entropy",))
    if spec.name not in usable:
        raise UsageError(
            f"the loss {spec.name!r} is not defined for a task of kind {kind}",
            allowed=f"  Losses that are: {', '.join(usable)}.",
        )
    if not kind.has_classes and (label_smoothing or class_weights is not None):
        option = "--label-smoothing" if label_smoothing else "--class-weights"
        raise UsageError(
            f"{option} would have no effect: a task of kind {kind} has no classes", remedy="  Leave it out."
        )
