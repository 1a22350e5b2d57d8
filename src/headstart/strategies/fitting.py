"""The stage that fits a head, and the options that strategies with such a stage share."""

from __future__ import annotations

from headstart.errors import UsageError
from headstart.fitted.names import AUTO, METHODS
from headstart.registry import one_of
from headstart.strategies.finetune import finetune_stage
from headstart.strategies.head_origins import AnyHead, FittedHead, PreviousHead, ScaledHead
from headstart.strategies.selections import Nothing
from headstart.strategies.starts import AnyStart, Pretrained
from headstart.strategies.strategy import Budget, Optimizer, Stage, StageOptimizers

FIT = one_of(("", AUTO, *METHODS), alone=AUTO)
"""The values of an option that says how to fit; "" does not fit."""
PRETRAINED = Pretrained()


def fit_stage(method: str, *, start: AnyStart = PRETRAINED) -> Stage:
    """Return the stage without updates that fits a head on the vectors of a backbone, by default the pretrained one."""
    return Stage(
        name="fit",
        role="fit",
        start=start,
        head_from=FittedHead(method),
        trainable=Nothing(),
        optimizer=Optimizer(learning_rate=0.0),
        num_steps=0,
    )


def handed_over(scale: float) -> AnyHead:
    """Return where a stage gets the fitted head of the stage before, times a number."""
    return PreviousHead() if scale == 1.0 else ScaledHead(scale)


def fitted_start_plan(
    budget: Budget, optimizers: StageOptimizers, method: str = AUTO, scale: float = 1.0
) -> tuple[Stage, ...]:
    """Return a stage that fits a head to the pretrained backbone, and fine-tuning that begins with it times `scale`.

    Fine-tuning has the updates that the fit's pass over the rows leaves.
    """
    num_steps = budget.after_fits().num_steps
    return (
        fit_stage(method),
        finetune_stage(optimizers.finetune, num_steps, head_from=handed_over(scale)),
    )


def check_scale(strategy: str, option: str, method: str, scale: float) -> None:
    """Refuse a scale for a head that is not fitted.

    Args:
        strategy: its name.
        option: that says how to fit.
        method: the option's value.
        scale: of the head.

    Raises:
        UsageError: if it would have no effect.
    """
    if scale != 1.0 and not method:
        raise UsageError(
            f"option 'head_scale' of strategy {strategy!r} has no effect on a head that is not fitted",
            remedy=f"  Write {strategy}:{option}:head_scale={scale:g}.",
        )
