"""What a stage that fits a head asks of model, task and options, held against them before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.errors import UsageError
from headstart.fitted.names import method_for
from headstart.losses import LossConfig
from headstart.models.classifier import Classifier
from headstart.strategies.head_origins import FittedHead
from headstart.strategies.strategy import Stage
from headstart.training.fitted_head import head_map


def check_fits(plan: Sequence[Stage], classifier: Classifier, loss: LossConfig, *, keep_head: bool) -> None:
    """Refuse a plan that fits a head where that cannot be, or where an option would have no effect.

    Raises:
        UsageError: if the head is more than one linear map, the method is not for the task's kind, class weights are
            no weights of rows, or the checkpoint's own head would be lost before it was of use.
    """
    methods = [stage.head_from.method for stage in plan if isinstance(stage.head_from, FittedHead)]
    if not methods:
        return
    for method in methods:
        method_for(classifier.kind, method)
    head_map(classifier)
    if loss.class_weights and classifier.kind.takes_several:
        raise UsageError(
            "`class_weights` does not go with a fitted head where rows have several classes: it would weigh a row "
            "otherwise for each class",
            remedy="  Leave it out, or train the head: leave fit out of the strategy.",
        )
    if keep_head and isinstance(plan[0].head_from, FittedHead):
        raise UsageError(
            "`keep_head` would have no effect: a fitted head takes the place of the checkpoint's own",
            remedy="  Leave it out, or train the head: leave fit out of the strategy.",
        )
