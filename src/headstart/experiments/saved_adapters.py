"""Stages whose adapter starts from a saved one (PVP: train the adapter on a related task, then use it)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from headstart.adapters.catalogue import build_adapter
from headstart.adapters.files import read_adapter, write_adapter
from headstart.errors import CheckpointError, UsageError
from headstart.models.classifier import Classifier
from headstart.registry import Spec
from headstart.strategies.strategy import Stage

START_FOLDER = "adapter-start"
"""Where a stage keeps what its adapter started from, so that a run can be done again without the user's folder."""


def with_saved_adapter(plan: Sequence[Stage], adapter: Spec, folder: Path, classifier: Classifier) -> tuple[Stage, ...]:
    """Return the plan with the saved adapter's content, not its place, as the start of every adapter.

    Args:
        plan: the stages.
        adapter: what they train.
        folder: where it was saved.
        classifier: a freshly loaded model of the run; it gets the adapter.

    Raises:
        UsageError: if the folder holds no adapter, or one of another kind, with other options or for another backbone.
    """
    require_storable(adapter, "--adapter-from")
    if all(stage.adapter is None for stage in plan):
        raise UsageError("--adapter-from would have no effect: no stage here trains an adapter")
    try:
        build_adapter(adapter).attach(classifier, seed=0).load(folder)
        digest = read_adapter(folder).digest
    except CheckpointError as error:
        raise UsageError(str(error), remedy="  Give --adapter-from the adapter of a run on this model.") from error
    return tuple(replace(stage, adapter_from=digest) if stage.adapter is not None else stage for stage in plan)


def require_storable(adapter: Spec, option: str) -> None:
    """Refuse to save or load an adapter that means nothing without the weights beside it.

    Raises:
        UsageError: naming the option that asked for it.
    """
    if build_adapter(adapter).rewrites_backbone:
        raise UsageError(
            f"{option} does not work with {adapter.name!r}: it begins by changing the backbone's weights, and its own "
            "mean nothing without these",
            remedy="  Use another adapter, such as lora.",
        )


def keep_start(stage: Stage, given: Path | None, folder: Path) -> Path | None:
    """Keep what a stage's adapter starts from in the stage's folder, and return where; None for a fresh adapter.

    Raises:
        UsageError: if it is neither there nor given, or what is given is not what the plan was made with.
    """
    if stage.adapter_from is None:
        return None
    kept = folder / START_FOLDER
    if not kept.is_dir():
        if given is None:
            raise UsageError(f"stage {stage.name!r} starts from a saved adapter", remedy="  Give --adapter-from.")
        write_adapter(read_adapter(given), kept)
    if read_adapter(kept).digest != stage.adapter_from:
        raise UsageError(f"{given or kept} does not hold the adapter that stage {stage.name!r} was planned with")
    return kept
