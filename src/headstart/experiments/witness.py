"""Witnesses look at a stage and change nothing about it: they are handed to whatever runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from headstart.experiments.run_data import RunData
from headstart.models.classifier import Classifier
from headstart.store.layout import RunFolder
from headstart.store.record import StageRecord
from headstart.strategies.strategy import Stage
from headstart.training.stage_values import StageOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStart:
    """A stage before its first update.

    Attributes:
        classifier: as the stage starts with it, without an adapter.
        is_pretrained: its backbone is the checkpoint's.
        is_resumed: some of the updates were done in an earlier call.
        stays_small: the device never holds the stage's backbone in fp32, so who looks at it now looks on the CPU.
    """

    stage: Stage
    classifier: Classifier
    is_pretrained: bool
    is_resumed: bool
    stays_small: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEnd:
    """A stage after its last update.

    Attributes:
        folder: where the stage is stored.
        is_last: the run ends with it.
        final_model: gives the model that the stored weights make: with an adapter beside them or merged into them.
    """

    stage: Stage
    outcome: StageOutcome
    folder: Path
    is_last: bool
    final_model: Callable[[], torch.nn.Module]


class Witness:
    """Looks at one stage; this one sees nothing.

    Of several, the last to look before the updates is the first to look after them.
    """

    def before(self, start: StageStart) -> None:
        """Look before the first update; not called for a stage without updates."""

    def after(self, end: StageEnd, record: StageRecord) -> StageRecord:
        """Look after the last update, and return the record with what was seen."""
        return record


Witnesses = Callable[[RunData, RunFolder], Sequence[Witness]]
"""Returns new witnesses for one stage of a run that is stored in a folder."""
