"""The library's face: `pretrain_head`, `HeadstartClassifier`, `HeadstartRegressor`, `load`."""

from __future__ import annotations

from pathlib import Path

from headstart.artifacts.model_folder import SavedModel
from headstart.estimators import HeadstartClassifier, HeadstartRegressor
from headstart.inference.saved import load_saved_model
from headstart.pretraining.pretrain_head import pretrain_head
from headstart.process_state import process_state_kept

__all__ = ["HeadstartClassifier", "HeadstartRegressor", "load", "pretrain_head"]


def load(folder: str | Path) -> SavedModel:
    """Read a model folder that `headstart fit` or `export` left.

    Raises:
        UsageError: if headstart did not write the folder.
        CheckpointError: if it is damaged.
    """
    with process_state_kept():
        return load_saved_model(Path(folder))
