"""A finished stage as it lies on disk: what a later stage may start from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from headstart.atomic_files import atomic_path
from headstart.errors import DamageError
from headstart.models.parameters import Digests, Tensors, digests
from headstart.safe_files import require_file
from headstart.store.json_records import read_record
from headstart.store.record import StageRecord
from headstart.strategies.site import FinishedStage
from headstart.strategies.strategy import Stage

HEAD_FILE, BACKBONE_FILE, ADAPTER_FOLDER = "head.safetensors", "backbone.safetensors", "adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStage:
    """The content of a `stage.json`.

    Attributes:
        head: digests of the stored head.
        backbone: digests of the backbone that the stage ends with; it is stored only where `backbone_stored`.
        restored: the backbone it ends with is the pretrained one.
    """

    record: StageRecord
    head: Digests
    backbone: Digests
    backbone_stored: bool
    restored: bool

    def read_head(self, folder: Path) -> Tensors:
        """Return the head that lies in the stage's folder.

        Raises:
            DamageError: if it is missing or not the recorded one.
        """
        return _recorded_tensors(folder / HEAD_FILE, self.head)

    def read_backbone(self, folder: Path) -> Tensors:
        """Return the backbone that lies in the stage's folder.

        Raises:
            DamageError: if it is missing or not the recorded one.
        """
        return _recorded_tensors(folder / BACKBONE_FILE, self.backbone)


def finished_stage(stage: Stage, stored: StoredStage, folder: Path) -> FinishedStage:
    """Return a stage that is stored in a folder, for those after it."""
    return FinishedStage(
        stage=stage,
        num_steps=stored.record.num_steps,
        head_digests=stored.head,
        backbone_digests=stored.backbone,
        head=lambda: stored.read_head(folder),
        backbone=lambda: None if stored.restored else stored.read_backbone(folder),
        batch_parts=stored.record.batch_parts,
    )


def _recorded_tensors(path: Path, expected: Digests) -> Tensors:
    tensors = read_tensors(path)
    if digests(tensors) != dict(expected):
        raise DamageError(path, "its tensors are not those that its stage's record describes")
    return tensors


def read_stored_stage(path: Path) -> StoredStage | None:
    """Read a `stage.json`; None when the stage is not finished.

    Raises:
        CheckpointError: if the file is damaged.
    """
    return read_record(StoredStage, path) if path.exists() else None


def read_tensors(path: Path) -> Tensors:
    """Read what `save_tensors` wrote.

    Raises:
        DamageError: if the file is missing or damaged.
    """
    try:
        require_file(path)
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DamageError(path, str(error)) from error


def save_tensors(tensors: Tensors, path: Path) -> None:
    """Write tensors to a file, whole or not at all."""
    with atomic_path(path) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)
