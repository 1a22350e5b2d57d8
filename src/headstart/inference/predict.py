"""Class probabilities of texts. Letters: n rows, c classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from headstart.artifacts.model_folder import SavedModel
from headstart.data.examples import Split
from headstart.data.tokenisation import tokenize
from headstart.inference.forward import Progress, batched_logits

PREDICTION_BATCH_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What a model says of rows, in the rows' order.

    Attributes:
        labels: class names by index.
        probabilities: [n, c] in fp32; rows add up to 1.
        num_truncated: rows that lost tokens to the maximum length.
    """

    labels: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]
    num_truncated: int

    @property
    def indices(self) -> npt.NDArray[np.int64]:
        """The most probable class of each row [n], the first of equals."""
        indices: npt.NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return indices

    @property
    def predicted_labels(self) -> list[str]:
        """The most probable class of each row by name."""
        return [self.labels[index] for index in self.indices]


def predict(
    saved: SavedModel,
    split: Split,
    *,
    batch_size: int = PREDICTION_BATCH_SIZE,
    precision: str = "fp32",
    device: str | None = None,
    progress: Progress | None = None,
) -> Predictions:
    """Return class probabilities of all rows, in their order.

    Args:
        saved: the model.
        split: n rows with as many texts each as the model reads; labels are not looked at.
        batch_size: rows per forward pass.
        precision: "fp32" or "bf16".
        device: "cpu" or "cuda"; None takes a GPU where there is one.
        progress: called after each batch with rows done and rows in all.
    """
    labels = saved.classifier.labels
    if not len(split):
        return Predictions(labels=labels, probabilities=np.empty((0, len(labels)), np.float32), num_truncated=0)
    info = saved.info
    tokenized = tokenize(split, saved.tokenizer, max_length=info.max_length, truncation=info.truncation)
    logits = batched_logits(
        saved.model,
        tokenized,
        saved.tokenizer,
        batch_size=batch_size,
        precision=precision,
        device=device or _best_device(),
        progress=progress,
    )
    probabilities = saved.classifier.class_probabilities(logits).numpy()
    return Predictions(labels=labels, probabilities=probabilities, num_truncated=tokenized.num_truncated)


def _best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
