"""What an update costs, so that different ways to train can be given the same compute."""

from __future__ import annotations

from collections.abc import Iterable

STEP_COST = {"adapter": 2.0, "finetune": 3.0, "contrastive": 3.0}
"""In forward passes of a batch, by a stage's kind: fine-tuning goes backward through activations and weights, an
adapter leaves out the gradients of the frozen weights. A head on cached features costs nothing beside these.

Source: a backward pass counts as two forward ones, as in Hoffmann et al. (2022), appendix F.
"""

PASS_COST = 1.0
"""Of one batch through the backbone without a way back, as when a head is fitted to all rows."""


def kind_of(role: str) -> str:
    """Return a stage's kind: its role without the number of a copy ("fit" of "fit/2")."""
    return role.partition("/")[0]


def updates_of_passes(num_examples: int, batch_size: int) -> float:
    """Return how many updates of plain fine-tuning cost as much as passing examples through the backbone."""
    return PASS_COST * num_examples / batch_size / STEP_COST["finetune"]


def cost(stages: Iterable[tuple[str, float]]) -> float:
    """Return the cost of stages, given as role and number of updates of a batch each, in forward passes of a batch."""
    return sum(STEP_COST.get(kind_of(role), 0.0) * num_steps for role, num_steps in stages)
