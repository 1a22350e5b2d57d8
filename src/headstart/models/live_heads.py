"""The head of a live model: what stands outside its backbone, and what the checkpoint did not bring.

A model that a person loaded does not say which of its tensors are new. The checkpoint that it was made from does, where
it is still found: transformers reads its names again, without weights, by the same rules as at first.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Size
from transformers import PretrainedConfig, PreTrainedModel

from headstart.errors import UsageError
from headstart.hub import HubName
from headstart.models.heads import LATE_MODULES, architecture_head, may_be_new
from headstart.models.loading import quiet_loading
from headstart.models.without_code import read_model

Shapes = dict[str, Size]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveHead:
    """What is taken for a live model's head.

    Attributes:
        names: keys of its tensors in the state dict, sorted.
        is_from_checkpoint: whether the model's checkpoint was found, so that nothing new is left out.
    """

    names: tuple[str, ...]
    is_from_checkpoint: bool


def find_live_head(model: PreTrainedModel) -> LiveHead:
    """Return the architecture's head, with all else at the model's end that its checkpoint did not hold.

    Raises:
        UsageError: if nothing stands outside the backbone, or the backbone is not a module of its own.
    """
    new = new_at_the_end(model)
    return LiveHead(names=tuple(sorted({*architecture_head(model), *(new or ())})), is_from_checkpoint=new is not None)


def new_at_the_end(model: PreTrainedModel) -> tuple[str, ...] | None:
    """Return the tensors outside the backbone or in a late part of it that a model's checkpoint did not hold.

    A module that is new in part is new as a whole. None where the checkpoint is not found.
    """
    brought = _brought(model)
    if brought is None:
        return None
    state = model.state_dict()
    new = {name for name, tensor in state.items() if brought.get(name) != tensor.shape and at_the_end(model, name)}
    owners = _owners(new)
    return tuple(sorted(name for name in state if name in new or name.rpartition(".")[0] in owners))


def at_the_end(model: PreTrainedModel, name: str) -> bool:
    """Whether a tensor stands outside the backbone, or in a late part of it; a model may be a backbone itself."""
    if hasattr(model, model.base_model_prefix):
        return may_be_new(model, name)
    return name.split(".")[0] in LATE_MODULES


def modules_of(names: Iterable[str]) -> list[str]:
    """Return the modules that tensors stand in, or a tensor's own name where it stands in none."""
    return sorted({name.rpartition(".")[0] or name for name in names})


def _owners(names: Iterable[str]) -> set[str]:
    return {owner for name in names if (owner := name.rpartition(".")[0])}


def _brought(model: PreTrainedModel) -> Shapes | None:
    """Return names and shapes of what a model's checkpoint holds of it; None where it is not found or not read."""
    folder = _folder_of(model.config)
    if folder is None:
        return None
    config = copy.deepcopy(model.config)
    try:
        with quiet_loading():
            empty, report = read_model(type(model), folder, config, device_map="meta", ignore_mismatched_sizes=True)
    except (AttributeError, KeyError, OSError, RuntimeError, SafetensorError, TypeError, UsageError, ValueError):
        # The class may not be one that transformers can build anew, and the files may not be what they were.
        return None
    missing = {*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])}
    brought = {name: tensor.shape for name, tensor in empty.state_dict().items() if name not in missing}
    return brought if any(not at_the_end(model, name) for name in brought) else None


def _folder_of(config: PretrainedConfig) -> Path | None:
    """Return the folder that a configuration says it was read from: a local one, or the hub's on this machine."""
    name = str(getattr(config, "_name_or_path", "") or "")
    if not name:
        return None
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    return _kept_from_hub(name, getattr(config, "_commit_hash", None)) if HubName.parse(name) else None


def _kept_from_hub(name: str, revision: Any) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError, OSError):
        return None
