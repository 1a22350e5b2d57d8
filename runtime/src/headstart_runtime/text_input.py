"""How a model wants its texts: the part `text` of `headstart_runtime.json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from headstart_runtime.errors import FolderError
from headstart_runtime.json_checks import Fields, as_json, checked, list_of, one_of, or_none, whole

TRUNCATIONS = ("longest_first", "only_first", "head_tail", "window")
INPUTS = ("input_ids", "token_type_ids", "attention_mask")
SIDES = ("left", "right")
PADDED, OF_EQUAL_LENGTH = "padded", "of_equal_length"
BATCHES = (PADDED, OF_EQUAL_LENGTH)
MOST_TOKENS, MOST_ID = 1_000_000, 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class TextInput:
    """What a network reads of texts.

    Attributes:
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
    """

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

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that `read_text_input` reads."""
        return as_json(asdict(self))


def read_text_input(values: Any) -> TextInput:
    """Return what a JSON object says.

    Raises:
        FolderError: if a field is missing, unknown, or of a value that none can have.
    """
    made = TextInput(**checked(values, FIELDS, "text"))
    if made.stride and (made.truncation != "window" or made.stride >= made.max_length):
        raise FolderError("headstart_runtime.json: stride does not fit max_length and truncation")
    if "input_ids" not in made.inputs:
        raise FolderError("headstart_runtime.json: inputs has no input_ids")
    return made


FIELDS: Fields = {
    "num_texts": whole(1, 2),
    "max_length": whole(1, MOST_TOKENS),
    "truncation": one_of(*TRUNCATIONS),
    "stride": whole(0, MOST_TOKENS),
    "inputs": lambda value: list_of(one_of(*INPUTS))(value) and len(set(value)) == len(value),
    "padding_id": whole(0, MOST_ID),
    "padding_type_id": whole(0, MOST_ID),
    "padding_side": one_of(*SIDES),
    "truncation_side": one_of(*SIDES),
    "splits_special_tokens": lambda value: isinstance(value, bool),
    "num_ids": or_none(whole(1, MOST_ID)),
    "batches": one_of(*BATCHES),
}
"""Each field, and what it may be."""
