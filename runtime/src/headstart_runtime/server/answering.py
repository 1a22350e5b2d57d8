"""Answers as JSON has them: what is decided of each row, and how probable everything is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart_runtime.answers import Array, answers_of, decisions_of
from headstart_runtime.description import Description

DECISIONS = {
    "classification": "label",
    "multi_label": "labels",
    "regression": "number",
    "multiple_choice": "choice",
}
"""Under which name a row's decision stands, by kind of answer."""


def answers_as_json(logits: Array, num_choices: Sequence[int] | None, description: Description) -> list[dict[str, Any]]:
    """Return an object for each row, from logits per row [n, k].

    Numbers are written with the digits that tell them from their neighbours in 32 bits.

    Args:
        logits: [n, k] of each row; for choices [n, m].
        num_choices: [n] of each row, where rows have choices.
        description: of the model.

    Raises:
        FolderError: if the network gave what is no number.
    """
    answers = answers_of(logits, description)
    name = DECISIONS[description.answers]
    rows: list[dict[str, Any]] = [{name: decision} for decision in decisions_of(answers, description)]
    if description.answers == "regression":
        return rows
    for number, (row, values) in enumerate(zip(rows, answers, strict=True)):
        short = [float(str(value)) for value in values]
        if num_choices is not None:
            row["probabilities"] = short[: num_choices[number]]
        else:
            row["probabilities"] = dict(zip(description.labels, short, strict=True))
    return rows
