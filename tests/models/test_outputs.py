from __future__ import annotations

import pytest
import torch

from headstart.kinds import TaskKind
from headstart.models.outputs import answers, decisions, example_logits, num_logits


def test_logits_per_kind() -> None:
    assert [num_logits(kind, 4) for kind in TaskKind] == [4, 4, 1, 1]


def test_choices_stand_side_by_side_and_missing_ones_cannot_win() -> None:
    flat = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]])
    logits = example_logits(TaskKind.MULTIPLE_CHOICE, flat, torch.tensor([3, 2]))
    assert logits.tolist() == [[1, 2, 3], [4, 5, -torch.inf]]
    probabilities = answers(TaskKind.MULTIPLE_CHOICE, logits)
    assert probabilities[1, 2] == 0
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(2))


def test_windows_of_an_example_are_averaged() -> None:
    flat = torch.tensor([[1.0, 0.0], [3.0, 2.0], [7.0, 7.0]])
    logits = example_logits(TaskKind.CLASSIFICATION, flat, torch.tensor([2, 1]))
    assert logits.tolist() == [[2, 1], [7, 7]]


def test_one_sequence_each_leaves_logits_as_they_are() -> None:
    flat = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    assert example_logits(TaskKind.CLASSIFICATION, flat, None) is flat


@pytest.mark.parametrize(
    ("kind", "logits", "decided"),
    [
        (TaskKind.CLASSIFICATION, [[0.0, 2.0, 1.0], [1.0, 1.0, 0.0]], [1, 0]),
        (TaskKind.CLASSIFICATION, [[0.1], [-0.1]], [1, 0]),
        (TaskKind.MULTI_LABEL, [[0.0, -0.1], [3.0, 2.0]], [[1, 0], [1, 1]]),
        (TaskKind.REGRESSION, [[2.5], [-1.0]], [2.5, -1.0]),
    ],
)
def test_decisions(kind: TaskKind, logits: list[list[float]], decided: list[object]) -> None:
    assert decisions(kind, answers(kind, torch.tensor(logits))).tolist() == decided


def test_one_logit_gives_two_probabilities() -> None:
    probabilities = answers(TaskKind.CLASSIFICATION, torch.tensor([[0.0], [2.0]]))
    torch.testing.assert_close(probabilities[:, 1], torch.sigmoid(torch.tensor([0.0, 2.0])))
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(2))
