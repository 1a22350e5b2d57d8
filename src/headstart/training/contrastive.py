"""The supervised contrastive loss: vectors of one class are drawn together, those of different classes apart.

Letters: n rows of a batch, s sequences, d size of a vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import final

import torch
from torch.nn.functional import normalize

from headstart.errors import UsageError
from headstart.kinds.kind import Kind
from headstart.models.classifier import Classifier
from headstart.registry import Registry, Spec, build_from
from headstart.training.fitted_head import head_map


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Contrastive:
    """A stage that trains on the supervised contrastive loss of the vectors that a head's linear map reads.

    Attributes:
        temperature: what similarities are divided by, above 0.
        rows: of each batch, in place of the run's batch size.
    """

    temperature: float = 0.1
    rows: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastiveObjective:
    """The contrastive loss of a batch, in nats; it is called like `Objective`, with vectors in place of logits."""

    kind: Kind
    temperature: float

    def __call__(self, vectors: torch.Tensor, targets: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the mean loss of the rows.

        Args:
            vectors: per sequence, [s, d].
            targets: `labels` [n], `num_sequences` [n] where rows have several: their mean then stands for a row, and
                `weights` [n] where rows do not count the same.
        """
        per_row = self.kind.example_logits(vectors.float(), targets.get("num_sequences"))
        return supervised_contrastive(per_row, targets["labels"], self.temperature, targets.get("weights"))


def supervised_contrastive(
    vectors: torch.Tensor, labels: torch.Tensor, temperature: float, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the mean over rows of how improbable the others of their class are among all others, in nats.

    With z the vectors brought to length 1, P(i) the others of row i's class and A(i) all others, row i's loss is the
    mean over p in P(i) of `-log(exp(z_i z_p / temperature) / sum over a in A(i) of exp(z_i z_a / temperature))`. Rows
    without another of their class have none; without any such pair the loss is 0.

    Args:
        vectors: [n, d].
        labels: classes [n].
        temperature: above 0.
        weights: [n], by which each row's own loss is multiplied; None where every row counts the same.

    Source: Khosla et al. (NeurIPS 2020), "Supervised Contrastive Learning", equation 2 (the sum outside of the
    logarithm); on a text encoder's vector Gunel et al. (ICLR 2021), section 2, whose loss has cross-entropy beside it.
    """
    with torch.autocast(vectors.device.type, enabled=False):
        unit = normalize(vectors.float(), dim=-1)
        similarities = unit @ unit.T / temperature
    is_itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    all_others = similarities.masked_fill(is_itself, -torch.inf).logsumexp(dim=1, keepdim=True)
    is_positive = (labels.unsqueeze(0) == labels.unsqueeze(1)) & ~is_itself
    counts = is_positive.sum(dim=1)
    totals = (all_others - similarities).masked_fill(~is_positive, 0.0).sum(dim=1)
    losses = totals / counts.clamp(min=1)
    losses = losses if weights is None else losses * weights
    return losses.sum() / (counts > 0).sum().clamp(min=1)


STAGE_LOSSES: Registry[type[Contrastive]] = Registry("loss of a stage")
STAGE_LOSSES.add("contrastive", Contrastive)


def build_stage_loss(spec: Spec | None) -> Contrastive | None:
    """Return the loss that a stage has in place of the run's; None where it has the run's.

    Raises:
        UsageError: if the name or an option is unknown.
    """
    return None if spec is None else build_from("loss of a stage", STAGE_LOSSES.get(spec.name), spec)


def check_classifier(classifier: Classifier) -> None:
    """Refuse a task or a head that the contrastive loss does not go with.

    Raises:
        UsageError: if rows do not have one class each, or the head is more than one linear map.
    """
    kind = classifier.kind
    if not (kind.picks_one and kind.has_classes):
        raise UsageError(
            f"the contrastive loss compares rows by their one class, and the kind of this task is {kind}",
            remedy="  Use lp_ft or eh_ft, which take any kind.",
        )
    head_map(classifier)


@contextmanager
def vectors_as_logits(classifier: Classifier) -> Iterator[None]:
    """Make a classifier's logits the vectors that its head's one linear map reads, inside the block.

    Raises:
        UsageError: if the head is more than one linear map.
    """
    linear = head_map(classifier).module
    linear.forward = _unchanged  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        del linear.forward


def _unchanged(vectors: torch.Tensor) -> torch.Tensor:
    return vectors
