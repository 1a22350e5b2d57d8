"""Stages whose adapter starts from a saved one (PVP: train the adapter on a related task, then use it)."""

from __future__ import annotations

from pathlib import Path

from headstart.adapters.catalogue import build_adapter
from headstart.adapters.stored_adapter import read_adapter, write_adapter
from headstart.errors import CheckpointError, UsageError
from headstart.models.classifier import Classifier
from headstart.registry import Spec
from headstart.strategies.strategy import Stage

START_FOLDER = "adapter-start"
"""Where a stage keeps what its adapter started from, so that a run can be done again without the user's folder."""


def saved_adapter_digest(adapter: Spec, folder: Path, classifier: Classifier) -> str:
    """Return the digest of a saved adapter, which stands for its content in a plan.

    `classifier` is the run's model, with or without weights; the adapter is attached to it.

    Raises:
        UsageError: if the folder holds no adapter, or one of another kind, with other options or for another backbone.
    """
    require_storable(adapter, "adapter_from")
    try:
        build_adapter(adapter).attach(classifier, seed=0).load(folder)
        return read_adapter(folder).digest
    except CheckpointError as error:
        raise UsageError(str(error), remedy="  Give `adapter_from` the adapter of a run on this model.") from error


def require_storable(adapter: Spec, field: str) -> None:
    """Refuse to save or load an adapter that means nothing without the weights beside it.

    Raises:
        UsageError: naming the field that asked for it.
    """
    if build_adapter(adapter).rewrites_backbone:
        raise UsageError(
            f"`{field}` does not work with {adapter.name!r}: it begins by changing the backbone's weights, and its own "
            "mean nothing without these",
            remedy="  Use another adapter, such as lora.",
        )


def keep_start(stage: Stage, given: Path | None, folder: Path) -> Path | None:
    """Keep what a stage's adapter starts from in the stage's folder, and return where; None for a fresh adapter.

    Raises:
        UsageError: if it is neither there nor given, or what is given is not what the plan was made with.
    """
    tuned = stage.trainable.tuned
    if tuned is None or tuned.saved is None:
        return None
    kept = folder / START_FOLDER
    if not kept.is_dir():
        if given is None:
            raise UsageError(f"stage {stage.name!r} starts from a saved adapter", remedy="  Give `adapter_from`.")
        write_adapter(read_adapter(given), kept)
    if read_adapter(kept).digest != tuned.saved:
        raise UsageError(f"{given or kept} does not hold the adapter that stage {stage.name!r} was planned with")
    return kept
