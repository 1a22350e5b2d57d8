"""What a plan asks of a model, held against the model before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from headstart.adapters.catalogue import build_adapter, working_adapters
from headstart.adapters.names import adapter_names
from headstart.errors import UsageError
from headstart.models.classifier import Classifier
from headstart.models.layers import Layers
from headstart.registry import Spec
from headstart.strategies.head_origins import PreviousHead
from headstart.strategies.strategy import Stage
from headstart.training import contrastive, head_calibration
from headstart.training.regularisers.catalogue import build_regulariser
from headstart.training.schedules import num_warmup_steps
from headstart.training.stage_length import Until, build_until


def check_plan_fits(
    plan: Sequence[Stage], classifier: Classifier, model: str, checkpointed: Sequence[str] = ()
) -> None:
    """Refuse a plan that the model, called `model` in messages, cannot carry out.

    `checkpointed` are the kinds of the stages that gradient checkpointing is switched on for.

    Raises:
        UsageError: if the model has fewer layers than the plan needs, or a stage too few updates for all of them; if
            the head cannot be calibrated; if an adapter or gradient checkpointing does not work on this architecture,
            or one with a stage's regulariser; if a stage's own loss does not go with the task or the head.
    """
    unread = classifier.unread
    backbone = [name for name in classifier.backbone_tensors() if name not in unread]
    num_layers = len(Layers.of(backbone))
    for spec in dict.fromkeys(stage.adapter for stage in plan if stage.adapter is not None):
        check_adapter(spec, classifier, model)
    for stage in plan:
        if stage.loss is not None:
            contrastive.check_classifier(classifier)
        _check_layers(stage, num_layers, model)
        _check_steps(stage, backbone)
        _check_regulariser(stage, classifier, model)
        if stage.until is not None:
            _check_until(stage, build_until(stage.until), classifier)
        if (
            stage.head_from == PreviousHead(calibrated=True)
            and (reason := head_calibration.refusal(classifier)) is not None
        ):
            raise UsageError(f"head_calibration does not work here: {reason}", remedy="  Leave it out.")
        if stage.kind in checkpointed:
            _check_gradient_checkpointing(stage, classifier)


def check_adapter(spec: Spec, classifier: Classifier, model: str) -> None:
    """Refuse an adapter that a model cannot carry.

    Raises:
        UsageError: with the reason, and the adapters that it can carry.
    """
    refusal = build_adapter(spec).refusal(classifier)
    if refusal is None:
        return
    working = [name for name, reason in working_adapters(classifier).items() if reason is None]
    raise UsageError(
        f"the adapter {str(spec)!r} does not work on {model}: {refusal}",
        allowed=f"  Adapters that do: {', '.join(working) or 'none'}.",
        remedy="  `headstart doctor MODEL` says more.",
    )


def check_frozen_precision(plan: Sequence[Stage], number_kinds: Iterable[str], model: str) -> None:
    """Refuse to keep frozen weights in a checkpoint's 16 bits where that cannot be, or means nothing.

    `number_kinds` are those in the files of the model called `model` in messages.

    Raises:
        UsageError: if the files have no numbers of 16 bits, or an adapter computes with the weights.
    """
    if not {"BF16", "F16"} & set(number_kinds):
        raise UsageError(
            f"`frozen_precision` checkpoint would have no effect: the files of {model} hold {', '.join(number_kinds)}",
            remedy="  Leave it out; or save the model in bf16 first, which rounds its weights.",
        )
    for adapter in dict.fromkeys(stage.adapter for stage in plan if stage.adapter is not None):
        if not build_adapter(adapter).reads_outputs_only:
            raise UsageError(
                f"`frozen_precision` checkpoint does not work with {adapter.name!r}, which computes with the weights",
                allowed=f"  Adapters: {', '.join(adapters_reading_outputs())}.",
            )


def adapters_reading_outputs() -> list[str]:
    """Return the names of the adapters that never compute with the weights beside them."""
    return [name for name in adapter_names() if build_adapter(Spec(name)).reads_outputs_only]


def _check_layers(stage: Stage, num_layers: int, model: str) -> None:
    wanted = max(stage.start.num_layers, stage.trainable.num_layers)
    if wanted > num_layers:
        raise UsageError(
            f"stage {stage.name!r} is about the last {wanted} layers, and {model} has {num_layers}",
            remedy=f"  Give layers={num_layers} or less.",
        )


def _check_steps(stage: Stage, backbone: Sequence[str]) -> None:
    fewest = build_regulariser(stage.regulariser).fewest_steps(backbone)
    if stage.num_steps < fewest:
        raise UsageError(
            f"stage {stage.name!r} has {stage.num_steps} updates, and with {stage.regulariser} it takes {fewest} until "
            "every layer of this model has trained",
            remedy="  Give more `steps`.",
        )


def _check_until(stage: Stage, until: Until, classifier: Classifier) -> None:
    """Refuse a rule that this kind of task cannot follow, that an adapter cannot, or that could never hold."""
    if until.needs_accuracy and not classifier.kind.picks_one:
        raise UsageError(
            f"`stage1_until` {stage.until} needs answers of which one is right, and this is a task of kind "
            f"{classifier.kind}",
            remedy="  Use plateau, which looks at the loss.",
        )
    if stage.adapter is not None and not build_adapter(stage.adapter).may_end_early:
        raise UsageError(
            f"`stage1_until` does not go with the adapter {str(stage.adapter)!r}: its own schedule has to know how "
            "long the stage is",
            remedy="  Leave it out, or use another adapter such as lora.",
        )
    earliest = num_warmup_steps(stage.optimizer, stage.num_steps) + until.fewest_steps
    if earliest >= stage.num_steps:
        raise UsageError(
            f"`stage1_until` {stage.until} would have no effect: it says something after {earliest} updates at the "
            f"earliest, and stage {stage.name!r} has {stage.num_steps}",
            remedy="  Give a smaller window, or a larger `stage1_fraction`.",
        )


def _check_regulariser(stage: Stage, classifier: Classifier, model: str) -> None:
    refusal = build_regulariser(stage.regulariser).refusal(classifier.model)
    if refusal is not None:
        raise UsageError(
            f"{stage.regulariser} would have no effect on {model}: {refusal}",
            remedy="  Use another strategy, such as finetune.",
        )


def _check_gradient_checkpointing(stage: Stage, classifier: Classifier) -> None:
    if not classifier.model.supports_gradient_checkpointing:
        raise UsageError(
            f"transformers has no gradient checkpointing for {classifier.model.config.model_type!r}",
            remedy="  Leave gradient_checkpointing out.",
        )
    if not build_regulariser(stage.regulariser).works_with_gradient_checkpointing:
        raise UsageError(
            f"{stage.regulariser} does not work with gradient checkpointing: the second forward pass would see "
            "other weights",
            remedy="  Leave gradient_checkpointing out.",
        )
