"""Learning-rate schedules as factors of the peak rate, functions of the step alone."""

from __future__ import annotations

from collections.abc import Callable

from headstart.strategies.strategy import Optimizer, ScheduleName

PAPER_HOLD_STEPS = 100
PAPER_HOLD_FACTOR = 0.05
PAPER_FINAL_FACTOR = 0.1


def num_warmup_steps(optimizer: Optimizer, num_steps: int) -> int:
    """Return the updates over which the rate rises from zero."""
    return round(optimizer.warmup_fraction * num_steps)


def schedule_factor(optimizer: Optimizer, num_steps: int, *, stays: bool = False) -> Callable[[int], float]:
    """Return the function from a step (0-based) to the factor in [0, 1] on the peak learning rate.

    With `stays` the rate stays at its peak after the warm-up, for a stage that may end before its last update.

    Source: linear warm-up and decay as in Devlin et al. (2019); `paper_code` as the official code of Yang et al. (2022)
    really runs: 5 % of the peak for 100 steps, then warm-up to the peak, then linear decay to 10 %.
    """
    warmup = num_warmup_steps(optimizer, num_steps)
    paper_code = optimizer.schedule is ScheduleName.PAPER_CODE
    hold = min(PAPER_HOLD_STEPS, warmup) if paper_code else 0
    final = PAPER_FINAL_FACTOR if paper_code else 0.0

    def factor(step: int) -> float:
        if step < hold:
            return PAPER_HOLD_FACTOR
        if step < warmup:
            return (step - hold) / max(1, warmup - hold)
        if stays:
            return 1.0
        remaining = max(0.0, (num_steps - step) / max(1, num_steps - warmup))
        return final + (1.0 - final) * remaining

    return factor
