"""A model folder by the name that a person gives: one on this machine, or one that was pushed to the hub."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from headstart.artifacts.folder_checks import INFO_FILE, ONNX_INFO_FILE, WEIGHTS, require_whole_model
from headstart.errors import DamageError, UsageError
from headstart.hub import HubName, fetch, fetch_again
from headstart.manifest import MANIFEST_FILE, Manifest
from headstart.models.source import HUB_FILES

MODEL_FILES = (*HUB_FILES, *(f"*{suffix}" for suffix in WEIGHTS), "*.jinja")
"""What is fetched of a model folder, whatever its checksums name: a tokenizer may come with a template of chats."""


@dataclass(frozen=True, slots=True)
class FoundFolder:
    """A model folder, found.

    Attributes:
        path: of the folder on this machine.
        pinned: OWNER/NAME@COMMIT, with the full commit hash, of one of the hub; "" of one that was here.
    """

    path: Path
    pinned: str = ""

    @property
    def note(self) -> str:
        """A sentence that says which model it is; "" where the folder's name says it."""
        return f"the model is {self.pinned}" if self.pinned else ""


def find_folder(name: str | Path) -> FoundFolder:
    """Return the model folder of this name: a path, or OWNER/NAME or OWNER/NAME@REVISION on the hub.

    A path goes before a name on the hub. Of the hub's files those come that the folder's checksums name and that are no
    code, and they are held to them; without a network, those that came before.

    Raises:
        UsageError: if the hub has no such model, or it is not one that headstart pushed.
        MachineError: if the hub failed.
        DamageError: if a file is not as it was written.
    """
    path = Path(name).expanduser()
    hub_name = HubName.parse(str(name))
    if path.exists() or hub_name is None or "/" not in hub_name.repository:
        return FoundFolder(path)
    folder = fetch(hub_name, [MANIFEST_FILE])
    pinned = HubName(hub_name.repository, folder.name)
    manifest = _manifest(pinned, folder)
    names = [each for each in manifest.files if any(fnmatch(each, pattern) for pattern in MODEL_FILES)]
    fetch(pinned, [glob.escape(each) for each in (MANIFEST_FILE, *names)])
    try:
        require_whole_model(folder, weights=True)
    except DamageError as error:
        raise DamageError(error.path, error.what, remedy=fetch_again(folder)) from error
    return FoundFolder(folder, str(pinned))


def _manifest(pinned: HubName, folder: Path) -> Manifest:
    """Return what a folder of the hub says that its files are, where it is one to predict with."""
    manifest = Manifest.read(folder)
    if manifest is None or not {INFO_FILE, ONNX_INFO_FILE} & set(manifest.files):
        raise UsageError(
            f"{pinned} is not a model folder of headstart: it has no {MANIFEST_FILE} that names one's files",
            remedy="  A pretrained model is given to `headstart fit` as `model`.",
        )
    return manifest
