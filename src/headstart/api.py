"""The library's face: `pretrain_head`, `HeadstartClassifier`, `HeadstartRegressor`, `load`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from headstart.artifacts.model_folder import SavedModel
from headstart.data.examples import Split
from headstart.errors import UsageError
from headstart.estimators.estimators import HeadstartClassifier, HeadstartRegressor
from headstart.estimators.texts import read_texts
from headstart.inference.predict import Predictions, predict
from headstart.inference.saved import load_saved_model
from headstart.pretraining.pretrain_head import pretrain_head
from headstart.process_state import process_state_kept

__all__ = ["HeadstartClassifier", "HeadstartRegressor", "LoadedModel", "load", "pretrain_head"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel(SavedModel):
    """A model read back from its folder."""

    def predict(self, texts: Any) -> Predictions:
        """Return the answers to n texts, or n pairs of texts, whatever holds them.

        `predicted_labels` are the classes' names, `answers` the probabilities [n, c].

        Raises:
            UsageError: if the model reads choices or places in a text beside the text.
            ValueError: if a row holds another number of texts than the model reads, or something else.
        """
        task = self.info.task
        if task.kind.has_choices or task.has_spans:
            raise UsageError(
                "this model reads more than texts: choices, or places in a text",
                remedy="  Write the rows to a file, and call `headstart predict`.",
            )
        rows = read_texts(texts)
        if len(rows[0]) != len(task.text_columns):
            raise ValueError(f"there are {len(rows[0])} texts a row, but the model reads {len(task.text_columns)}")
        return predict(self, Split(texts=rows))


def load(folder: str | Path) -> LoadedModel:
    """Read a model folder that `headstart fit` or `export` left.

    Raises:
        UsageError: if headstart did not write the folder.
        CheckpointError: if it is damaged.
    """
    with process_state_kept():
        saved = load_saved_model(Path(folder))
    return LoadedModel(**{field.name: getattr(saved, field.name) for field in fields(SavedModel)})
