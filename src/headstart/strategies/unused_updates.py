"""Who gets the updates that a stage leaves when it ends early."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.strategies.strategy import Stage, split_evenly


def num_steps_of(plan: Sequence[Stage], done: Sequence[int]) -> int:
    """Return the updates of the stage that comes after those that are done.

    What stages with an `until` left is shared evenly by the stages after them that train and have none, so that all
    stages together take the plan's updates.

    Args:
        plan: all stages.
        done: updates that the first stages took, one number each.
    """
    index = len(done)
    left = sum(stage.num_steps - taken for stage, taken in zip(plan, done, strict=False) if stage.until is not None)
    takers = [place for place, stage in enumerate(plan) if stage.num_steps and stage.until is None]
    takers = [place for place in takers if any(stage.until is not None for stage in plan[:place])]
    share = split_evenly(left, len(takers))[takers.index(index)] if index in takers else 0
    return plan[index].num_steps + share
