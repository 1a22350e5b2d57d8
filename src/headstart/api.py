"""The library's face: `pretrain_head`, `HeadstartClassifier`, `HeadstartRegressor`, `load`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headstart.artifacts.found_folder import find_folder
from headstart.artifacts.saved_model import SavedModel
from headstart.errors import UsageError
from headstart.estimators.estimators import HeadstartClassifier, HeadstartRegressor
from headstart.estimators.rows import Place, rows_of_task
from headstart.inference.predict import Predictions, predict
from headstart.inference.saved import load_saved_model
from headstart.pretraining.pretrain_head import pretrain_head
from headstart.process_state import process_state_kept
from headstart.sweeps.verify import Verification, verify

__all__ = [
    "HeadstartClassifier",
    "HeadstartRegressor",
    "LoadedModel",
    "Predictions",
    "Verification",
    "load",
    "pretrain_head",
    "verify",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel(SavedModel):
    """A model read back from its folder; `headstart.load` makes it.

    Letters: n rows, c classes, m choices.
    """

    def predict(
        self,
        texts: Any = None,
        *,
        choices: Sequence[Sequence[str]] | None = None,
        places: Sequence[tuple[Place, Place]] | None = None,
    ) -> Predictions:
        """Return the answers to n texts, or n pairs of texts, whatever holds them.

        `predicted_labels` are the names of classes, lists of such names, numbers of choices from 0, or numbers;
        `answers` are the probabilities [n, c], or the numbers [n, 1].

        Args:
            texts: n strings, n pairs of strings, or a table with one or two columns of strings; None for choices that
                are read without a text.
            choices: for multiple choice, those of each row, two at least; rows may have different numbers of them.
            places: for models that read two places in a text (words in context), both of each row as the number of the
                text from 0, the first character from 0, and the one after the last.

        Raises:
            ValueError: if a row holds another number of texts than the model reads, or something else; or if there are
                choices or places that the model does not read, or none where it reads them.
        """
        return predict(self, rows_of_task(self.info.task, texts, choices, places))

    def predict_proba(
        self,
        texts: Any = None,
        *,
        choices: Sequence[Sequence[str]] | None = None,
        places: Sequence[tuple[Place, Place]] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Return the probabilities of classes [n, c], in the order of `info.task.labels`, or of choices [n, m].

        Rows add up to 1 but for multi-label answers; a choice that a row lacks has 0. Arguments and errors are those
        of `predict`.

        Raises:
            UsageError: if the model answers with numbers.
        """
        if self.info.task.kind.has_units:
            raise UsageError(
                "this model answers with numbers, which have no probabilities",
                remedy="  Call predict(), whose answers are the numbers.",
            )
        return self.predict(texts, choices=choices, places=places).answers


def load(folder: str | Path) -> LoadedModel:
    """Read a model folder that `headstart fit`, `export` or an estimator's `save` left.

    `folder` may also be OWNER/NAME or OWNER/NAME@REVISION: a model that `headstart push` sent to the hub, at a branch,
    a tag or a full commit hash.

    Raises:
        UsageError: if headstart did not write the folder, or the hub has no such model.
        CheckpointError: if it is damaged.
        MachineError: if the hub failed.
    """
    with process_state_kept():
        saved = load_saved_model(find_folder(folder).path)
    return LoadedModel(**{field.name: getattr(saved, field.name) for field in fields(SavedModel)})
