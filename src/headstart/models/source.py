"""Where a model's files are, and what pins them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import xxhash

from headstart.errors import DamageError, UsageError, unknown_name
from headstart.hub import HubName, fetch, fetch_again
from headstart.manifest import COPY_AGAIN, MANIFEST_FILE, Manifest, require_whole
from headstart.models.embedded import EMBEDDED, find_embedded
from headstart.models.foreign_files import require_model
from headstart.safe_files import require_file

HUB_FILES = (
    *("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "*.codes", "*.tiktoken"),
    "README.md",
)
ADAPTER_PREFIX = "adapter"
OWN_INFO_FILE, OWN_HEAD_FILE = "headstart.json", "head.safetensors"
"""The first lies, or lay, in every folder of ours: its manifest names it."""
SAYS_WHAT_IT_IS = ("config.json", "adapter.json")
"""Of which a folder of ours has the first where it holds a whole model, and the second where it holds an adapter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """A model's files, found.

    Attributes:
        name: as the user said it.
        path: the local folder.
        revision: a commit of the hub, or a checksum over the files that decide what the model computes.
    """

    name: str
    path: Path
    revision: str


def resolve_model(name: str, *, revision: str | None = None) -> ModelSource:
    """Find a model: `embedded:...`, a local folder, or a hub id, which may end in @ and a branch, a tag or a commit.

    `revision` goes before the one in the name: what was a branch once is found again by the commit that it was then.

    Only safetensors, configuration, tokenizer files and the card are ever downloaded; code from a model repository
    never runs.

    Raises:
        UsageError: if the model cannot be found, or it has no safetensors.
        CheckpointError: if an embedded model's files are not the pinned ones, or those of a model that headstart pushed
            are not as they were written.
        MachineError: if the hub failed.
    """
    if name.startswith("embedded:"):
        if name not in EMBEDDED:
            raise unknown_name("embedded model", name, EMBEDDED)
        return _from_folder(name, find_embedded(EMBEDDED[name]))
    path = Path(name).expanduser()
    if path.is_dir():
        return _from_folder(name, path.resolve())
    hub_name = HubName.parse(name)
    if path.exists() or hub_name is None:
        raise UsageError(
            f"no model {name!r}",
            allowed="  It is a local folder, a hub id such as roberta-base or OWNER/NAME@REVISION, or "
            f"{' or '.join(EMBEDDED)}.",
        )
    return _from_hub(name, hub_name if revision is None else replace(hub_name, revision=revision))


def commit_of(revision: str) -> str | None:
    """Return a recorded revision where it is a commit of the hub; None where it is a checksum of local files."""
    return None if ":" in revision else revision


def weight_files(folder: Path) -> list[Path]:
    """Return the files of a model's own weights, by name.

    An adapter that lies beside them is none of it, nor is the copy of the head in a folder of ours.
    """
    left_out = (ADAPTER_PREFIX, OWN_HEAD_FILE) if (folder / OWN_INFO_FILE).exists() else ADAPTER_PREFIX
    return [path for path in sorted(folder.glob("*.safetensors")) if not path.name.startswith(left_out)]


def _from_folder(name: str, folder: Path) -> ModelSource:
    if (folder / OWN_INFO_FILE).is_file():
        require_whole(folder, SAYS_WHAT_IT_IS, remedy=COPY_AGAIN)
    require_model(name, folder)
    files = [path for path in sorted(folder.iterdir()) if _decides(path.name) and not path.is_dir()]
    for path in files:
        require_file(path)
    stamps = tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files)
    return ModelSource(name=name, path=folder, revision=_checksum(folder, stamps))


def _decides(name: str) -> bool:
    """Whether what a model computes can depend on a file of its folder."""
    is_beside = "/" in name or name in ("run.json", "head.json", MANIFEST_FILE)
    return name.endswith((".safetensors", ".json", ".txt", ".model")) and not is_beside


@cache
def _checksum(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> str:
    """Return the checksum of the files; sizes and times in `stamps` make a changed file a new question."""
    names = [name for name, _, _ in stamps]
    if (manifest := _own_manifest(folder, names)) is not None:
        require_whole(folder, [name for name in manifest.files if _decides(name)], remedy=COPY_AGAIN)
    whole = xxhash.xxh3_128()
    for name in names:
        whole.update(name.encode())
        with (folder / name).open("rb") as file:
            while block := file.read(1 << 22):
                whole.update(block)
    return f"xxh3:{whole.hexdigest()}"


def _own_manifest(folder: Path, names: Sequence[str]) -> Manifest | None:
    """Return the manifest of a folder of ours; None for one of somebody else, whatever its checksums.json is."""
    try:
        manifest = Manifest.read(folder)
    except DamageError:
        if OWN_INFO_FILE in names:
            raise
        return None
    is_ours = OWN_INFO_FILE in names or (manifest is not None and OWN_INFO_FILE in manifest.files)
    return manifest if is_ours else None


def _from_hub(name: str, hub_name: HubName) -> ModelSource:
    folder = fetch(hub_name, HUB_FILES)
    if (folder / OWN_INFO_FILE).is_file() and (manifest := Manifest.read(folder)) is not None:
        require_whole(folder, [each for each in manifest.files if _decides(each)], remedy=fetch_again(folder))
    require_model(name, folder)
    return ModelSource(name=name, path=folder, revision=folder.name)
