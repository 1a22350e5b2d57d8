"""A model folder is held to the checksums that were written with it, before anything in it is believed."""

from __future__ import annotations

from pathlib import Path

from headstart.errors import DamageError
from headstart.manifest import COPY_AGAIN, MANIFEST_FILE, Manifest, refuse

INFO_FILE, RUN_FILE, CARD_FILE = "headstart.json", "run.json", "README.md"
ONNX_INFO_FILE = "headstart_runtime.json"
"""What a folder for onnxruntime has beside `headstart.json`."""
RACE_FOLDER = "race"
"""What a search tried, in the folder of the model that it found."""
NOT_READ = (CARD_FILE, RUN_FILE)
"""What stands beside a model for people and reports: a person may well edit the card."""
WEIGHTS = (".safetensors", ".onnx", ".onnx.data")


def require_whole_model(folder: Path, *, weights: bool) -> None:
    """Refuse a model folder whose files are not as they were written; one of an older headstart has no checksums.

    Args:
        folder: its own files are looked at, not those of folders in it.
        weights: whether weights are read, too: only then are they looked at.

    Raises:
        DamageError: names the files.
    """
    try:
        found = Manifest.read(folder)
    except DamageError as error:
        raise DamageError(error.path, error.what, remedy=COPY_AGAIN) from error
    if found is not None:
        names = [name for name in found.files if "/" not in name and name not in NOT_READ]
        read = [name for name in names if weights or not name.endswith(WEIGHTS)]
        refuse(list(found.damages(folder, read)), remedy=COPY_AGAIN)


def require_checksums(folder: Path) -> None:
    """Refuse a folder without a manifest that says that it has one: somebody is still writing it, or half wrote it.

    Raises:
        DamageError: names the manifest.
    """
    if not (folder / MANIFEST_FILE).exists():
        raise DamageError(
            folder / MANIFEST_FILE,
            "it is missing, so the folder is still being written, or only half of it was written or copied",
            remedy=COPY_AGAIN,
        )
