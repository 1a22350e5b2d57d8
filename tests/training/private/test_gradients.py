"""Gradients of single examples against autograd, one row at a time; what opacus gets wrong is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from headstart.adapters.catalogue import build_adapter
from headstart.data.batching import TokenizedDataset
from headstart.errors import UsageError
from headstart.losses import LossConfig
from headstart.models.classifier import Classifier
from headstart.training.objective import Objective
from headstart.training.private.gradients import batch_loss, watched
from headstart.training.private.loop import add_clipped
from headstart.training.trainables import Trainables, declare
from tests.support.runs import data_of, tiny_choices, tiny_experiment

pytest.importorskip("opacus", reason="private training needs the extra 'dp'")
CheckpointMaker = Callable[..., Path]

WORK = [
    ("bert", "finetune", None),
    ("bert", "adapter", "lora"),
    ("bert", "adapter", "bitfit"),
    ("roberta", "finetune", None),
    ("roberta", "linear_probe", None),
    ("distilbert", "finetune", None),
    ("electra", "finetune", None),
    ("modernbert", "finetune", None),
    ("modernbert", "adapter", "lora"),
    ("deberta-v2", "linear_probe", None),
    ("deberta-v2", "adapter", "bottleneck"),
]
REFUSED = [("deberta-v2", "finetune", None), ("deberta-v2", "adapter", "lora"), ("bert", "adapter", "prefix")]
"""DeBERTa's relative positions go through the same layers as the tokens, once for all examples."""


class Case:
    """A model as a stage would train it, without dropout, and a batch of real rows of unlike length."""

    def __init__(self, model: Path, strategy: str, adapter: str | None) -> None:
        # A fit is refused where a stage cannot be private, so the plan is made without.
        experiment = tiny_experiment(tiny_choices(model, strategy, adapter))
        self.classifier: Classifier = data_of(experiment).load_classifier()
        (stage,) = experiment.plan
        attached = build_adapter(stage.adapter).attach(self.classifier, seed=0) if stage.adapter else None
        self.trainables: Trainables = declare(stage, self.classifier, attached)
        self.model = self.trainables.model.eval()
        self.objective = Objective(kind=self.classifier.kind, config=LossConfig())
        rows = TokenizedDataset(data_of(experiment).tokens("train"))
        self.batch = data_of(experiment).collator([rows[row] for row in range(5)])

    def alone(self, row: int) -> dict[str, torch.Tensor]:
        """Return the gradient of one row by autograd."""
        one = {name: tensor[row : row + 1] for name, tensor in self.batch.items()}
        self.model.zero_grad()
        batch_loss(self.model, self.objective)(one).backward()  # type: ignore[no-untyped-call]
        return {name: p.grad.clone() for name, p in self.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(("architecture", "strategy", "adapter"), WORK)
def test_each_example_has_its_own_gradient(
    architecture: str, strategy: str, adapter: str | None, tiny_checkpoint: CheckpointMaker
) -> None:
    case = Case(tiny_checkpoint(architecture), strategy, adapter)
    before = {name: p.detach().clone() for name, p in case.model.named_parameters()}
    with watched(case.classifier, case.model, case.objective, device="cpu") as examples:
        found = examples(case.batch)
        assert set(examples.parameters) == case.trainables.names
    for name, parameter in case.model.named_parameters():
        assert torch.equal(parameter, before[name]), f"watching changed {name}"
        assert not hasattr(parameter, "grad_sample")
    for row in range(5):
        expected = case.alone(row)
        largest = max(float(gradient.abs().max()) for gradient in expected.values())
        assert expected.keys() == found.keys() == case.trainables.names
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name][row], gradient, rtol=1e-3, atol=1e-5 * largest, msg=name)


@pytest.mark.parametrize(("architecture", "strategy", "adapter"), REFUSED)
def test_what_opacus_gets_wrong_is_refused(
    architecture: str, strategy: str, adapter: str | None, tiny_checkpoint: CheckpointMaker
) -> None:
    case = Case(tiny_checkpoint(architecture), strategy, adapter)
    before = {name: p.detach().clone() for name, p in case.model.named_parameters()}
    with (
        pytest.raises(UsageError, match="private training does not work here: opacus"),
        watched(case.classifier, case.model, case.objective, device="cpu"),
    ):
        pass
    assert all(torch.equal(p, before[name]) for name, p in case.model.named_parameters())
    case.alone(0)  # no hook is left behind


def test_clipping_is_per_example_over_all_tensors(tiny_checkpoint: CheckpointMaker) -> None:
    case = Case(tiny_checkpoint("roberta"), "adapter", "lora")
    alone = [case.alone(row) for row in range(5)]
    norms = [sum(float(gradient.double().square().sum()) for gradient in row.values()) ** 0.5 for row in alone]
    bound = sorted(norms)[2]
    with watched(case.classifier, case.model, case.objective, device="cpu") as examples:
        sums = {name: torch.zeros_like(p) for name, p in examples.parameters.items()}
        add_clipped(sums, examples(case.batch), bound)
    assert min(norms) < bound < max(norms)
    for name, total in sums.items():
        by_hand = sum(row[name] * min(1.0, bound / norm) for row, norm in zip(alone, norms, strict=True))
        assert isinstance(by_hand, torch.Tensor)
        torch.testing.assert_close(total, by_hand, rtol=1e-3, atol=1e-6)


def test_no_example_adds_more_than_the_bound() -> None:
    generator = torch.Generator().manual_seed(0)
    for scale in (1e-3, 1.0, 1e6):
        gradients = {name: scale * torch.randn(1, 7, 3, generator=generator) for name in "ab"}
        sums = add_clipped({name: torch.zeros(7, 3) for name in "ab"}, gradients, 0.5)
        assert sum(float(total.square().sum()) for total in sums.values()) ** 0.5 <= 0.5
