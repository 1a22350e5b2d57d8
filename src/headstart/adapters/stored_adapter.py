"""An adapter alone on disk: `adapter.safetensors`, and `adapter.json` that says what it is. Every kind the same way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from headstart.atomic_files import atomic_path, write_json
from headstart.errors import CheckpointError, NewerError, UsageError
from headstart.manifest import COPY_AGAIN, require_whole
from headstart.models.foreign_files import merge_remedy, peft_adapter
from headstart.models.parameters import digests
from headstart.registry import Spec
from headstart.safe_files import read_json, require_file

ADAPTER_FILE, ADAPTER_RECORD_FILE = "adapter.safetensors", "adapter.json"
ADAPTER_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAdapter:
    """An adapter as it lies on disk.

    Attributes:
        spec: its name with all of its options.
        tensors: its parameters, named from the backbone on, so that they fit under any head.
    """

    spec: Spec
    tensors: Mapping[str, torch.Tensor]

    @property
    def digest(self) -> str:
        """Return a checksum over the spec and all tensors, 32 hexadecimal digits."""
        parts = [str(self.spec), *(f"{name} {value}" for name, value in sorted(digests(self.tensors).items()))]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def write_adapter(stored: StoredAdapter, folder: Path) -> None:
    """Write an adapter into a folder, which is made if it is missing; the record comes last."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in stored.tensors.items()}
    with atomic_path(folder / ADAPTER_FILE) as temporary:
        save_file(tensors, temporary, {"format": "pt"})
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    record = {"schema_version": ADAPTER_SCHEMA_VERSION, "adapter": str(stored.spec), "shapes": shapes}
    write_json(folder / ADAPTER_RECORD_FILE, record)


def read_adapter(folder: Path) -> StoredAdapter:
    """Read an adapter and hold its tensors to their record.

    Raises:
        UsageError: if the folder holds no adapter, or a newer headstart wrote it.
        CheckpointError: if a file is damaged, or the two do not belong together.
    """
    path = folder / ADAPTER_RECORD_FILE
    if not path.is_file() and (foreign := peft_adapter(folder)) is not None:
        raise UsageError(
            f"{folder} holds {foreign}, and headstart starts from adapters that it wrote itself",
            remedy=merge_remedy(folder),
        )
    if not path.is_file():
        raise UsageError(
            f"{folder} holds no adapter of headstart: it has no {ADAPTER_RECORD_FILE}",
            remedy="  Give a folder that a run with an adapter wrote.",
        )
    require_whole(folder, [ADAPTER_FILE, ADAPTER_RECORD_FILE], remedy=COPY_AGAIN)
    record = read_json(path)
    try:
        if record.get("schema_version", 0) > ADAPTER_SCHEMA_VERSION:
            raise NewerError(folder, record["schema_version"], ADAPTER_SCHEMA_VERSION)
        spec, shapes = Spec.parse(record["adapter"]), dict(record["shapes"])
        require_file(folder / ADAPTER_FILE)
        tensors = load_file(folder / ADAPTER_FILE)
    except NewerError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
        raise CheckpointError(f"{path} is not an adapter's record: {error}") from error
    except (FileNotFoundError, SafetensorError) as error:
        raise CheckpointError(f"{folder / ADAPTER_FILE} is missing or damaged: {error}") from error
    if shapes != {name: list(tensor.shape) for name, tensor in tensors.items()}:
        raise CheckpointError(f"{folder / ADAPTER_FILE} is not the file that {ADAPTER_RECORD_FILE} describes")
    return StoredAdapter(spec=spec, tensors=tensors)
