"""Saved models of every kind, ready to predict."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from headstart.adapters.catalogue import build_adapter
from headstart.adapters.stored_adapter import StoredAdapter, write_adapter
from headstart.artifacts.head_file import read_head
from headstart.artifacts.model_folder import save_adapter_folder, save_model_folder
from headstart.artifacts.model_info import ONNX, read_info
from headstart.artifacts.saved_model import SavedModel, load_adapter_base, load_model_folder
from headstart.errors import UsageError
from headstart.store.record import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedAdapter:
    """The adapter and the head of a folder without a backbone, as they lie in it."""

    adapter: StoredAdapter
    head: Mapping[str, torch.Tensor]

    def head_tensors(self) -> dict[str, torch.Tensor]:
        """Return the head's tensors by their plain names."""
        return dict(self.head)

    def save(self, folder: Path) -> None:
        """Write the adapter alone."""
        write_adapter(self.adapter, folder)


def load_saved_model(folder: Path) -> SavedModel:
    """Read a model folder: a whole model, an adapter on its pretrained backbone, or a network for onnxruntime.

    Raises:
        UsageError: if the folder is not a model that headstart wrote, its pretrained model cannot be found, or
            headstart-runtime is not installed, which reads networks for onnxruntime.
        CheckpointError: if it is damaged.
    """
    kind, info = read_info(folder)
    if kind == ONNX:
        _require_runtime()
        from headstart.inference.onnx_network import load_onnx_folder

        return load_onnx_folder(folder, info)
    if kind == "model" or info.adapter is None:
        return load_model_folder(folder)
    base = load_adapter_base(folder)
    attached = build_adapter(info.adapter).attach(base.classifier, seed=info.seed)
    unmerged = LoadedAdapter(adapter=attached.load(folder), head=read_head(folder))
    return replace(base, model=attached.model.eval(), unmerged=unmerged)


def _require_runtime() -> None:
    if importlib.util.find_spec("headstart_runtime") is None:
        raise UsageError(
            "a folder for onnxruntime is read through headstart-runtime, which cannot be found",
            remedy="  In a clone of headstart: pip install ./runtime",
        )


def save_saved_model(saved: SavedModel, folder: Path, record: RunRecord | None = None) -> None:
    """Write a model that was read from a folder to another one, new or empty: the same files, whole or not at all.

    Raises:
        UsageError: if the folder is not empty.
    """
    if saved.unmerged is None:
        save_model_folder(saved.classifier, saved.reader, folder, info=saved.info, record=record, card=saved.card)
    else:
        save_adapter_folder(
            saved.unmerged,
            saved.classifier,
            saved.reader,
            folder,
            info=saved.info,
            record=record,
            card=saved.card,
        )
