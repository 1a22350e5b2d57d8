"""What is kept of a stage: decided by the plan around it, not by the stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.experiments.stored_stage import ADAPTER_FOLDER, BACKBONE_FILE, HEAD_FILE, StoredStage, save_tensors
from headstart.models.parameters import Digests, Tensors, digests
from headstart.strategies.strategy import Stage
from headstart.training.stage_values import StageOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a stage ends.

    Attributes:
        share: how much of an adapter's effect the backbone gets into its weights, from above 0 to 1; with None the
            backbone is the pretrained one again and the adapter stands beside it.
        stores_backbone: whether a backbone that is not the pretrained one is stored.
    """

    share: float | None
    stores_backbone: bool

    @classmethod
    def of(cls, plan: Sequence[Stage], index: int, *, keeps_last: bool) -> End:
        """Return the end of the stage at `index`: what the starts of later stages ask for.

        After the last one the whole adapter is merged, and the backbone is stored where `keeps_last`.
        """
        later = plan[index + 1 :]
        if not later:
            return cls(share=1.0, stores_backbone=keeps_last)
        shares = [stage.start.share_of(plan[index], is_previous=stage is later[0]) for stage in later]
        share = next((each for each in shares if each is not None), None)
        return cls(share=share, stores_backbone=share is not None)

    def backbone(self, outcome: StageOutcome) -> Tensors | None:
        """Return the backbone that the stage ends with; None where it is the pretrained one with an adapter beside."""
        if outcome.attached is None:
            return outcome.classifier.backbone_tensors()
        if self.share is None or outcome.attached.merged is None:
            return None
        return outcome.attached.merged_backbone(self.share)

    def store(
        self, stage: Stage, outcome: StageOutcome, backbone: Tensors | None, pretrained: Digests, folder: Path
    ) -> StoredStage:
        """Write the stage's tensors, `backbone` as the method gave it, and return what its record says of them."""
        head = outcome.head_tensors()
        end = dict(pretrained if backbone is None else digests(backbone))
        is_restored = end == dict(pretrained)
        save_tensors(head, folder / HEAD_FILE)
        is_stored = backbone is not None and not is_restored and self.stores_backbone
        if is_stored and backbone is not None:
            save_tensors(backbone, folder / BACKBONE_FILE)
        if outcome.attached is not None and outcome.attached.is_storable:
            outcome.attached.save(folder / ADAPTER_FOLDER)
        return StoredStage(
            record=outcome.record(stage, backbone_restored=is_restored),
            head=digests(head),
            backbone=end,
            backbone_stored=is_stored,
            restored=is_restored,
        )
