"""From logits to answers, for every kind of answer.

Letters: s sequences, n rows, k logits per sequence, c classes, m choices of the row that has the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from headstart_runtime.description import Description
from headstart_runtime.errors import FolderError

Array = npt.NDArray[np.float32]


def row_logits(logits: Array, counts: Sequence[int] | None, *, has_choices: bool) -> Array:
    """Return logits per row from logits per sequence [s, k].

    That is the mean over a row's windows [n, k]; for choices [n, m], minus infinity where a row has fewer than m.

    Args:
        logits: those of one row after another.
        counts: [n] sequences of each row; None where each has one.
        has_choices: whether a row's sequences are its choices, and not windows.
    """
    if counts is None:
        return logits
    ends = np.cumsum(counts)
    parts = np.split(logits, ends[:-1])
    if not has_choices:
        return np.stack([part.mean(axis=0, dtype=np.float64) for part in parts]).astype(np.float32)
    rows = np.full((len(counts), max(counts)), -np.inf, np.float32)
    for row, part in enumerate(parts):
        rows[row, : len(part)] = part[:, 0]
    return rows


def answers_of(logits: Array, description: Description) -> Array:
    """Return probabilities of classes [n, c] or choices [n, m], or numbers [n, 1], from logits per row.

    Raises:
        FolderError: if the network gave what is no number.
    """
    answers = _answers(logits, description.answers)
    if not np.isfinite(answers).all():
        raise FolderError("the network answers with NaN or infinity")
    return answers


def _answers(logits: Array, kind: str) -> Array:
    if kind == "regression":
        return logits
    wide = logits.astype(np.float64)
    if kind == "multi_label":
        return np.asarray(0.5 * (1 + np.tanh(wide / 2)), np.float32)  # the sigmoid, which overflows nowhere
    powers = np.exp(wide - wide.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def decisions_of(answers: Array, description: Description) -> list[Any]:
    """Return what is decided of each row from its answers.

    The name of the most probable class, the first of equals; the names of all classes that reach their threshold; a
    number; or the number of the most probable choice, from 0.
    """
    labels = description.labels
    match description.answers:
        case "classification":
            return [labels[best] for best in answers.argmax(axis=1)]
        case "multi_label":
            chosen = answers >= np.asarray(description.thresholds, np.float32)
            return [[label for label, is_chosen in zip(labels, row, strict=True) if is_chosen] for row in chosen]
        case "regression":
            return [float(str(value)) for value in answers[:, 0]]
        case _:
            return [int(best) for best in answers.argmax(axis=1)]
