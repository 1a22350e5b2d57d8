"""Gradients are looked at in each update and read in few: what came in between counts all the same."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from headstart.errors import InvariantError
from headstart.training.callbacks import GradientsArrive

NUM_STEPS = 14


def watched(gradient_of: Callable[[int], float], last: int = NUM_STEPS) -> GradientsArrive:
    """Watch a stage of two tensors, of which one gets its gradient by the number of the update."""
    model = torch.nn.ParameterDict({"late": torch.zeros(3), "always": torch.zeros(2)})
    arrive = GradientsArrive(
        "probe", {"late": "head", "always": "head"}, ("head",), num_steps=NUM_STEPS, num_warmup_steps=0
    )
    for step in range(last):
        model["always"].grad = torch.ones(2)
        model["late"].grad = torch.tensor([0.0, gradient_of(step), 0.0])
        arrive.look(model, step)
    return arrive


@pytest.mark.parametrize("step", range(NUM_STEPS))
@pytest.mark.parametrize("value", [1e-30, -2.0, math.nan])
def test_a_gradient_counts_in_whatever_update_it_came(step: int, value: float) -> None:
    watched(lambda number: value if number == step else 0.0)


@pytest.mark.parametrize("last", [NUM_STEPS, 6])
def test_one_that_never_came_is_named(last: int) -> None:
    """At the deadline, and at the end of a stage that ends before it."""
    with pytest.raises(InvariantError, match=f"after {last} updates .* never had a gradient:\n  late$"):
        watched(lambda _: 0.0, last).close(last)


def test_a_stage_that_ends_early_counts_what_was_not_read_yet() -> None:
    watched(lambda step: float(step == 5), last=6).close(6)
