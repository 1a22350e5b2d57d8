"""Learning-rate factors against transformers' own schedule and the official code's numbers."""

from __future__ import annotations

import pytest
import torch
from transformers import get_linear_schedule_with_warmup

from headstart.strategies.strategy import Optimizer, ScheduleName
from headstart.training.schedules import schedule_factor


@pytest.mark.parametrize(("num_steps", "warmup_fraction"), [(100, 0.1), (37, 0.0), (503, 0.06), (1, 0.1)])
def test_linear_is_the_schedule_of_transformers(num_steps: int, warmup_fraction: float) -> None:
    factor = schedule_factor(Optimizer(learning_rate=1.0, warmup_fraction=warmup_fraction), num_steps)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = get_linear_schedule_with_warmup(optimizer, round(warmup_fraction * num_steps), num_steps)
    for step in range(num_steps):
        assert factor(step) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        theirs.step()


def test_paper_code_holds_then_warms_up_then_decays_to_a_tenth() -> None:
    optimizer = Optimizer(learning_rate=1.0, warmup_fraction=0.1, schedule=ScheduleName.PAPER_CODE)
    factor = schedule_factor(optimizer, 3000)
    assert [factor(0), factor(99)] == [0.05, 0.05]
    assert factor(200) == pytest.approx(0.5)
    assert factor(300) == pytest.approx(1.0)
    assert factor(3000) == pytest.approx(0.1)
