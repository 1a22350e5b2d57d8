"""The supervised contrastive loss against its formula, written out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from headstart.errors import UsageError
from headstart.kinds.catalogue import kind_named
from headstart.registry import Spec
from headstart.training.contrastive import ContrastiveObjective, build_stage_loss, supervised_contrastive


def written_out(vectors: torch.Tensor, labels: list[int], temperature: float) -> float:
    """Return equation 2 of Khosla et al., term by term, as the mean over the rows that have others of their class."""
    unit = [[float(x) / math.sqrt(sum(float(y) ** 2 for y in row)) for x in row] for row in vectors]
    similar = [[sum(x * y for x, y in zip(a, b, strict=True)) / temperature for b in unit] for a in unit]
    losses = []
    for i, label in enumerate(labels):
        others = [a for a in range(len(labels)) if a != i]
        positives = [p for p in others if labels[p] == label]
        if positives:
            total = sum(math.exp(similar[i][a]) for a in others)
            losses.append(-sum(math.log(math.exp(similar[i][p]) / total) for p in positives) / len(positives))
    return sum(losses) / len(losses)


def test_three_rows_by_hand() -> None:
    """Two rows of a class at right angles, and one of another class that is like the first: only two rows count."""
    vectors = torch.tensor([[2.0, 0.0], [0.0, 0.5], [3.0, 0.0]])
    loss = supervised_contrastive(vectors, torch.tensor([0, 0, 1]), 0.5)
    first = math.log(1 + math.exp(2))  # The other of its class has similarity 0, the stranger 1 / 0.5.
    second = math.log(2)  # Both others have similarity 0.
    assert float(loss) == pytest.approx((first + second) / 2, abs=1e-6)


def test_weights_multiply_the_loss_of_their_own_row() -> None:
    vectors = torch.tensor([[2.0, 0.0], [0.0, 0.5], [3.0, 0.0]])
    targets = {"labels": torch.tensor([0, 0, 1]), "weights": torch.tensor([1.5, 0.5, 1.0])}
    loss = ContrastiveObjective(kind=kind_named("classification"), temperature=0.5)(vectors, targets)
    assert float(loss) == pytest.approx((1.5 * math.log(1 + math.exp(2)) + 0.5 * math.log(2)) / 2, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_it_is_the_papers_sum(temperature: float) -> None:
    vectors = torch.randn(12, 5, generator=torch.Generator().manual_seed(1))
    labels = [0, 1, 2, 0, 1, 2, 0, 0, 1, 3, 2, 2]
    found = supervised_contrastive(vectors, torch.tensor(labels), temperature)
    assert float(found) == pytest.approx(written_out(vectors, labels, temperature), rel=1e-5)


def test_of_pairs_it_is_the_cross_entropy_of_the_partner() -> None:
    """With two rows a class it is the loss that SimCLR trains on, as torch computes it."""
    vectors = torch.randn(6, 4, generator=torch.Generator().manual_seed(2))
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    logits = (unit @ unit.T / 0.2).fill_diagonal_(-torch.inf)
    partners = torch.tensor([1, 0, 3, 2, 5, 4])
    found = supervised_contrastive(vectors, torch.tensor([0, 0, 1, 1, 2, 2]), 0.2)
    torch.testing.assert_close(found, cross_entropy(logits, partners))


def test_its_gradient_is_finite_for_equal_vectors_and_rows_without_a_partner() -> None:
    vectors = torch.ones(4, 3).requires_grad_()
    supervised_contrastive(vectors, torch.tensor([0, 0, 1, 2]), 0.1).backward()
    assert vectors.grad is not None
    assert torch.isfinite(vectors.grad).all()
    assert supervised_contrastive(vectors, torch.tensor([0, 1, 2, 3]), 0.1).item() == 0.0


def test_similarities_keep_their_digits_in_bf16() -> None:
    """A temperature of 0.1 magnifies what a rounded product loses."""
    vectors = torch.randn(8, 16, generator=torch.Generator().manual_seed(3))
    labels = torch.tensor([0, 1] * 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = supervised_contrastive(vectors, labels, 0.1)
    assert float(rounded) == float(supervised_contrastive(vectors, labels, 0.1))


def test_the_windows_of_a_row_count_as_their_mean() -> None:
    objective = ContrastiveObjective(kind=kind_named("classification"), temperature=0.5)
    windows = torch.tensor([[4.0, 0.0], [0.0, 0.0], [0.0, 0.5], [3.0, 0.0]])
    targets = {"labels": torch.tensor([0, 0, 1]), "num_sequences": torch.tensor([2, 1, 1])}
    whole = supervised_contrastive(torch.tensor([[2.0, 0.0], [0.0, 0.5], [3.0, 0.0]]), targets["labels"], 0.5)
    torch.testing.assert_close(objective(windows, targets), whole)


def test_unknown_losses_are_refused() -> None:
    assert build_stage_loss(None) is None
    with pytest.raises(UsageError, match="did you mean 'contrastive'"):
        build_stage_loss(Spec("contrastiv"))
