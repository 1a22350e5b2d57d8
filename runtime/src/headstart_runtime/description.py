"""What an exported model answers and how it wants its texts: the content of `headstart_runtime.json`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headstart_runtime.errors import FolderError

FILE_KIND = "headstart onnx"
SCHEMA_VERSION = 1
ANSWERS = ("classification", "multi_label", "regression", "multiple_choice")
TRUNCATIONS = ("longest_first", "only_first", "head_tail", "window")
INPUTS = ("input_ids", "token_type_ids", "attention_mask")
SIDES = ("left", "right")
PADDED, OF_EQUAL_LENGTH = "padded", "of_equal_length"
BATCHES = (PADDED, OF_EQUAL_LENGTH)
PRECISIONS = ("fp32", "int8")
MOST_LABELS, MOST_TOKENS, MOST_ID = 1_000_000, 1_000_000, 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """All that prediction needs beside the network and the tokenizer.

    Attributes:
        answers: what the model says of a row: the name of a kind of answer.
        labels: names of the classes, by index; empty where answers are not among classes.
        thresholds: probability from which on a row has a class, one for each of `labels`; empty but for multi-label.
        temperature: that the network's logits were divided by already; None where none was fitted.
        num_texts: texts of a row, 1 or 2, choices not among them.
        max_length: tokens per sequence, special tokens included.
        truncation: what happens to longer texts; `stride`: tokens that two neighbouring windows share.
        inputs: names of the network's inputs.
        padding_id: the token that fills shorter sequences; `padding_type_id`: its text's number; `padding_side`.
        truncation_side: the end that a text loses.
        splits_special_tokens: whether special tokens that a text writes are read as plain text.
        num_ids: tokens that the network has a vector for, by ids from 0; None where it has no table of vectors.
        batches: which sequences may stand in a batch without changing each other's answers: any, padded to the longest,
            or those of one length.
        precision: "fp32", or "int8" for linear maps in 8 bits.
    """

    answers: str
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    temperature: float | None
    num_texts: int
    max_length: int
    truncation: str
    stride: int
    inputs: tuple[str, ...]
    padding_id: int
    padding_type_id: int
    padding_side: str
    truncation_side: str
    splits_special_tokens: bool
    num_ids: int | None
    batches: str
    precision: str

    @property
    def has_choices(self) -> bool:
        """Whether a row brings choices of its own, each read as a sequence with its texts."""
        return self.answers == "multiple_choice"

    @property
    def num_logits(self) -> int:
        """Numbers that the network gives for a sequence."""
        return max(1, len(self.labels))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that `read_description` reads."""
        values = {name: getattr(self, name) for name in FIELDS}
        lists = {name: list(value) for name, value in values.items() if isinstance(value, tuple)}
        return {"kind": FILE_KIND, "schema_version": SCHEMA_VERSION, **values, **lists}


def read_description(values: Mapping[str, Any]) -> Description:
    """Return what a JSON object says.

    Raises:
        FolderError: if it is of another schema, or a field is missing, unknown, or of a value that none can have.
    """
    if values.get("kind") != FILE_KIND:
        raise FolderError("headstart_runtime.json is not what `headstart export --format onnx` writes")
    if values.get("schema_version") != SCHEMA_VERSION:
        raise FolderError(
            f"headstart_runtime.json has the schema {values.get('schema_version')!r:.40}, and this headstart-runtime "
            f"reads {SCHEMA_VERSION}: upgrade it, or export the model again"
        )
    given = {name: value for name, value in values.items() if name not in ("kind", "schema_version")}
    if given.keys() != FIELDS.keys():
        wrong = ", ".join(sorted(given.keys() ^ FIELDS.keys())[:5])
        raise FolderError(f"headstart_runtime.json has fields that are missing or unknown: {wrong}")
    for name, is_right in FIELDS.items():
        if not is_right(given[name]):
            raise FolderError(f"headstart_runtime.json: {name} cannot be {given[name]!r:.80}")
    fields: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in given.items()}
    made = Description(**fields)
    if fault := _fault(made):
        raise FolderError(f"headstart_runtime.json: {fault}")
    return made


def _fault(made: Description) -> str:
    """Return which fields do not fit each other; "" where all do."""
    has_classes = made.answers in ("classification", "multi_label")
    if has_classes != bool(made.labels):
        return "answers and labels do not fit each other"
    if len(made.thresholds) != (len(made.labels) if made.answers == "multi_label" else 0):
        return "thresholds do not fit the labels"
    if made.stride and (made.truncation != "window" or made.stride >= made.max_length):
        return "stride does not fit max_length and truncation"
    if "input_ids" not in made.inputs or (made.truncation == "window" and made.has_choices):
        return "inputs, truncation and answers do not fit each other"
    return ""


def _one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in values


def _whole(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _or_none(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or is_right(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _list_of(is_right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and len(value) <= MOST_LABELS and all(map(is_right, value))


FIELDS: dict[str, Callable[[Any], bool]] = {
    "answers": _one_of(*ANSWERS),
    "labels": _list_of(lambda value: isinstance(value, str)),
    "thresholds": _list_of(lambda value: _is_number(value) and 0 <= value <= 1),
    "temperature": _or_none(lambda value: _is_number(value) and value > 0),
    "num_texts": _whole(1, 2),
    "max_length": _whole(1, MOST_TOKENS),
    "truncation": _one_of(*TRUNCATIONS),
    "stride": _whole(0, MOST_TOKENS),
    "inputs": lambda value: _list_of(_one_of(*INPUTS))(value) and len(set(value)) == len(value),
    "padding_id": _whole(0, MOST_ID),
    "padding_type_id": _whole(0, MOST_ID),
    "padding_side": _one_of(*SIDES),
    "truncation_side": _one_of(*SIDES),
    "splits_special_tokens": lambda value: isinstance(value, bool),
    "num_ids": _or_none(_whole(1, MOST_ID)),
    "batches": _one_of(*BATCHES),
    "precision": _one_of(*PRECISIONS),
}
"""Each field, and what it may be."""
