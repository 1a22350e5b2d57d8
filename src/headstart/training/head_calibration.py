"""Head calibration: one scale and the biases of a head, refitted on the backbone that it now stands on.

Letters: n examples, c logits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from headstart.models.classifier import Classifier
from headstart.models.heads import last_linear

RIDGE = 1e-4
"""Weight of (scale - 1)^2 + |shift|^2 beside the mean loss: without it a head that separates the training rows would be
scaled to infinity."""
MAX_ITERATIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Logits z become scale * z + shift.

    Attributes:
        shift: one per logit; zeros where the head's last map has no bias.
        loss_before, loss_after: mean training loss, in nats.
    """

    scale: float
    shift: tuple[float, ...]
    loss_before: float
    loss_after: float


def refusal(classifier: Classifier) -> str | None:
    """Return why a head cannot be calibrated; None when it can."""
    if not classifier.kind.has_classes:
        return f"it is for classes, and the task's kind is {classifier.kind}"
    last = last_linear(classifier.model, classifier.head_names)
    if last is None:
        return "the head does not end in a linear map"
    num_classes = len(classifier.labels)
    if last.out_features != num_classes:
        return f"the head's last map has {last.out_features} outputs for {num_classes} classes"
    return None


def calibrate(
    classifier: Classifier, logits: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor]
) -> Calibration:
    """Refit scale and biases of a head in place.

    `logits` [n, c] are those of the training rows in eval mode, and `loss` gives the mean loss of logits like these.
    It is convex in both; L-BFGS from (1, 0) finds its minimum, without any randomness.

    Raises:
        ValueError: if `refusal` says why not.
    """
    linear = last_linear(classifier.model, classifier.head_names)
    if linear is None or refusal(classifier) is not None:
        raise ValueError(f"this head cannot be calibrated: {refusal(classifier)}")
    found = fit_scale_and_shift(logits, loss, with_shift=linear.bias is not None)
    with torch.no_grad():
        linear.weight.mul_(found.scale)
        if linear.bias is not None:
            linear.bias.mul_(found.scale).add_(torch.tensor(found.shift, device=linear.bias.device))
    return found


def fit_scale_and_shift(
    logits: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor], *, with_shift: bool
) -> Calibration:
    """Return the scale and shift of logits [n, c] with the lowest loss."""
    scale = torch.ones((), requires_grad=True)
    shift = torch.zeros(logits.shape[-1], requires_grad=with_shift)
    optimizer = torch.optim.LBFGS(
        [scale, shift] if with_shift else [scale],
        max_iter=MAX_ITERATIONS,
        tolerance_grad=1e-7,
        tolerance_change=1e-10,
        line_search_fn="strong_wolfe",
    )

    def penalised() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(scale * logits + shift) + RIDGE * ((scale - 1).square() + shift.square().sum())
        value.backward()
        return value

    optimizer.step(penalised)
    with torch.no_grad():
        return Calibration(
            scale=float(scale),
            shift=tuple(shift.tolist()),
            loss_before=float(loss(logits)),
            loss_after=float(loss(scale * logits + shift)),
        )
