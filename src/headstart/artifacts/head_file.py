"""The head alone: `head.safetensors`, and `head.json` beside it that says where it comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from headstart.errors import CheckpointError
from headstart.safe_files import require_file
from headstart.store.json_records import read_record

HEAD_FILE, HEAD_RECORD_FILE = "head.safetensors", "head.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRecord:
    """Where a head comes from and what it fits.

    Attributes:
        architecture: the transformers class that it is part of.
        model: name of the pretrained model; `model_revision` pins it.
        head: with its options, as the option `head` takes it.
        strategy: how it was trained, and on which task, with which root seed.
        labels: class names by index of the logits.
        tensor_names: keys in that class's state dict, sorted.
        sha256: of `head.safetensors`.
    """

    architecture: str
    model: str
    model_revision: str
    head: str
    strategy: str
    task: str
    seed: int
    labels: tuple[str, ...]
    tensor_names: tuple[str, ...]
    sha256: str


def write_head(tensors: Mapping[str, torch.Tensor], path: Path) -> str:
    """Write a head's tensors; return the file's SHA-256."""
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path, {"format": "pt"})
    return _sha256(path)


def read_head_record(folder: Path) -> HeadRecord:
    """Read `head.json`.

    Raises:
        CheckpointError: if it is missing or damaged.
    """
    path = folder / HEAD_RECORD_FILE
    try:
        return read_record(HeadRecord, path)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing: the model folder is not complete") from error


def read_head(folder: Path) -> dict[str, torch.Tensor]:
    """Read the head's tensors and hold the file to its record.

    Raises:
        CheckpointError: if a file is missing, damaged or not the recorded one.
    """
    record, path = read_head_record(folder), folder / HEAD_FILE
    try:
        require_file(path)
        if _sha256(path) != record.sha256:
            raise CheckpointError(f"{path} is not the file that {HEAD_RECORD_FILE} describes: its SHA-256 differs")
        return load_file(path)
    except (FileNotFoundError, SafetensorError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
