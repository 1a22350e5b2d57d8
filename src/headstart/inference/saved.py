"""Saved models of every kind, ready to predict."""

from __future__ import annotations

from pathlib import Path

from headstart.adapters.catalogue import build_adapter
from headstart.artifacts.model_folder import SavedModel, load_adapter_base, load_model_folder, read_info


def load_saved_model(folder: Path) -> SavedModel:
    """Read a model folder: a whole model, or an adapter on its pretrained backbone.

    Raises:
        UsageError: if the folder is not a model that headstart wrote, or its pretrained model cannot be found.
        CheckpointError: if it is damaged.
    """
    kind, info = read_info(folder)
    if kind == "model" or info.adapter is None:
        return load_model_folder(folder)
    base = load_adapter_base(folder)
    attached = build_adapter(info.adapter).attach(base.classifier, seed=info.seed)
    attached.load(folder)
    return SavedModel(info=info, classifier=base.classifier, model=attached.model.eval(), tokenizer=base.tokenizer)
