"""What a plan asks of a model, held against the model before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.errors import UsageError
from headstart.models.classifier import Classifier
from headstart.models.layers import Layers
from headstart.strategies.strategy import Stage
from headstart.training import head_calibration
from headstart.training.regularisers.catalogue import build_regulariser


def check_plan_fits(plan: Sequence[Stage], classifier: Classifier, model: str) -> None:
    """Refuse a plan that the model cannot carry out.

    Raises:
        UsageError: if there are fewer layers than the plan speaks of, or the head cannot be calibrated.
    """
    layers = Layers.of(classifier.backbone_tensors())
    for stage in plan:
        wanted = max(stage.num_top_layers, stage.num_redrawn_layers)
        if wanted > len(layers):
            raise UsageError(
                f"stage {stage.name!r} is about the last {wanted} layers, and {model!r} has {len(layers)}",
                remedy=f"  Give layers={len(layers)} or less.",
            )
        if stage.calibrates_head and (reason := head_calibration.refusal(classifier)) is not None:
            raise UsageError(f"head_calibration does not work here: {reason}", remedy="  Leave it out.")


def check_gradient_checkpointing(plan: Sequence[Stage], stage_kinds: Sequence[str], classifier: Classifier) -> None:
    """Refuse gradient checkpointing where the architecture has none, or a stage's regulariser would break with it.

    Args:
        plan: the stages.
        stage_kinds: kinds of the stages that gradient checkpointing is switched on for.
        classifier: the model.

    Raises:
        UsageError: naming the architecture or the regulariser.
    """
    for stage in plan:
        if stage.kind not in stage_kinds:
            continue
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
