"""What a saved model says of examples.

Letters: n examples, c classes, m choices of the example that has the most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedTokenizerBase

from headstart.artifacts.saved_model import SavedModel
from headstart.data.batching import Collator, MediaCollator, PaddingCollator, prediction_multiple
from headstart.data.examples import Split
from headstart.data.media_rows import media_inputs
from headstart.data.token_checks import check_tokens
from headstart.data.tokenisation import TokenizedSplit, tokenize
from headstart.errors import CheckpointError
from headstart.hardware import resolve_device
from headstart.inference.forward import Progress, batched_logits
from headstart.inference.passes import PassSize
from headstart.kinds.kind import Kind
from headstart.models.input_limits import input_limits
from headstart.models.output_units import exact_numbers
from headstart.models.processors import seconds_of
from headstart.stats.thresholds import at_thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What a model says of examples, in their order.

    Attributes:
        kind: of the answers.
        labels: class names by index; empty where answers are not classes.
        answers: in fp32: probabilities of classes [n, c] or choices [n, m], whose rows add up to 1 but for
            multi-label; for regression the values [n, 1].
        num_truncated: examples that lost tokens to the maximum length.
        thresholds: [c], probabilities from which on a row gets a class, where it may get several; none for one half.
    """

    kind: Kind
    labels: tuple[str, ...]
    answers: npt.NDArray[np.float32]
    num_truncated: int
    thresholds: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def decisions(self) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
        """What is scored against labels.

        The most probable class or choice [n], the first of equals; for multi-label 1 for each class that is at
        least as probable as its threshold, or as not, [n, c]; for regression the values [n].
        """
        return decided(self.kind, self.answers, self.thresholds)

    @property
    def predicted_labels(self) -> list[Any]:
        """The decisions as a table shows them: class names, lists of class names, choice numbers or numbers."""
        return [self.kind.written(decision, self.labels) for decision in self.decisions]


def decided(
    kind: Kind, answers: npt.NDArray[np.float32], thresholds: tuple[float, ...] = ()
) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
    """Return the decisions of answers, as `Predictions.decisions` says."""
    if thresholds:
        return at_thresholds(answers, thresholds)
    found = kind.decisions(torch.from_numpy(answers)).numpy()
    return found.astype(np.float64) if found.dtype.kind == "f" else found


def predict(
    saved: SavedModel,
    split: Split,
    *,
    batch_size: int | None = None,
    precision: str = "fp32",
    device: str | None = None,
    progress: Progress | None = None,
) -> Predictions:
    """Return the answers to all examples, in their order.

    Args:
        saved: the model.
        split: n examples as the model's task has them; labels are not looked at.
        batch_size: rows per forward pass; None for 32 on a CPU, and on a GPU up to 256 rows of 16,384 tokens together.
        precision: "fp32" or "bf16".
        device: "cpu" or "cuda"; None takes a GPU where there is one.
        progress: called after each batch with rows done and rows in all.

    Raises:
        DataError: with the examples that the model cannot read: a place in the text that the maximum length cuts off, a
            text without any token that the model knows.
        CheckpointError: if the model answers with something that is not a number.
    """
    task, info = saved.info.task, saved.info
    if not len(split):
        nothing = np.empty((0, task.kind.num_logits(task.num_labels)), np.float32)
        return Predictions(kind=task.kind, labels=task.labels, answers=nothing, num_truncated=0)
    device = resolve_device(device)
    tokenized, collate = model_inputs(saved, split, device)
    with exact_numbers(saved.classifier):
        logits = batched_logits(
            saved.model,
            tokenized,
            collate,
            size=PassSize.usual(device) if batch_size is None else PassSize(rows=batch_size),
            precision=precision,
            device=device,
            progress=progress,
        )
    answers = task.kind.answers(logits).numpy()
    if not np.isfinite(answers).all():
        raise CheckpointError(
            f"the model answers with NaN or infinity; it was trained on {task.name} from {info.model}"
        )
    return Predictions(
        kind=task.kind,
        labels=task.labels,
        answers=answers,
        num_truncated=tokenized.num_truncated,
        thresholds=info.decides_from,
    )


def model_inputs(saved: SavedModel, split: Split, device: str) -> tuple[TokenizedSplit, Collator]:
    """Return what a model reads of examples, and what makes batches of it.

    Raises:
        DataError: with the examples that the model cannot read.
    """
    info, reader = saved.info, saved.reader
    kind = info.task.kind
    if not isinstance(reader, PreTrainedTokenizerBase):
        seconds = seconds_of(reader, info.max_length)
        collate = MediaCollator(processor=reader, length=info.max_length, kind=kind)
        return media_inputs(split, most_seconds=seconds), collate
    tokens = tokenize(split, reader, max_length=info.max_length, truncation=info.truncation, stride=info.stride)
    check_tokens(tokens, split, reader, input_limits(saved.classifier.model.config, info.head))
    return tokens, PaddingCollator(reader, kind=kind, pad_to_multiple_of=prediction_multiple(device))
