"""Texts longer than a model reads: their beginning and end, or windows over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from headstart.data.encoding import (
    TEXT,
    Columns,
    Features,
    model_inputs,
    num_tokens,
    room_for_texts,
    take_rows,
    unpadded,
    without_places,
)
from headstart.errors import DataError, DataFault, UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def head_and_tail(whole: Features, max_length: int) -> Features:
    """Return sequences that lose the middle of their texts where they are longer than `max_length` tokens.

    `whole` are the uncut sequences with their places; `max_length` includes special tokens, which stay where they are.
    Of a pair the longer text is cut; where the shorter one takes more than half of the room, both are, to a half each.
    Of an odd number of tokens the first half has one more.

    Source: Sun, Qiu, Xu and Huang, "How to Fine-Tune BERT for Text Classification?" (CCL 2019), section 5.3.1.

    Differs from the paper: halves, where it keeps 128 tokens of the head and 382 of the tail.
    """
    kept = [_kept_tokens(texts, max_length) for texts in whole[TEXT]]
    return {
        name: [[row[token] for token in tokens] for row, tokens in zip(column, kept, strict=True)]
        for name, column in without_places(whole).items()
    }


def windows(
    columns: Columns, tokenizer: PreTrainedTokenizerBase, *, max_length: int, stride: int
) -> tuple[Features, list[int] | None]:
    """Return windows that slide over the texts, and how many each example has (None: one each).

    Of a pair the longer text slides, and the other one stands whole in every window: a row's windows are the same
    whatever rows stand beside it.

    Args:
        columns: one or two, of at least one row.
        tokenizer: the model's; a fast one.
        max_length: tokens per window, special tokens included.
        stride: tokens that two neighbouring windows share.

    Raises:
        UsageError: if the overlap is not smaller than the window's room.
        DataError: if the text that stands whole leaves the other one no room.
    """
    room = room_for_texts(tokenizer, max_length, len(columns))
    if not 0 <= stride < room:
        raise UsageError(
            f"windows of {max_length} tokens cannot share {stride}",
            allowed=f"  Allowed for `stride`: 0 to {room - 1}, which leaves each window a token of its own.",
        )
    second_slides = _second_slides(columns, tokenizer, room, stride)
    parts: list[Features] = []
    row_of_window: list[int] = []
    for truncation, side in (("only_first", False), ("only_second", True)):
        if rows := [row for row, second in enumerate(second_slides) if second is side]:
            encoded = unpadded(
                tokenizer,
                take_rows(columns, rows),
                truncation=truncation,
                max_length=max_length,
                stride=stride,
                return_overflowing_tokens=True,
            )
            parts.append(model_inputs(tokenizer, encoded))
            row_of_window += [rows[number] for number in encoded["overflow_to_sample_mapping"]]
    counts = Counter(row_of_window)
    num_windows = [counts[row] for row in range(len(second_slides))]
    return _in_row_order(parts, row_of_window), None if max(num_windows) == 1 else num_windows


def _in_row_order(parts: Sequence[Features], row_of_window: Sequence[int]) -> Features:
    """Return the windows of all parts together, those of a row in the order in which they stand in the parts."""
    in_turn = sorted(range(len(row_of_window)), key=row_of_window.__getitem__)
    whole = {name: [window for part in parts for window in part[name]] for name in parts[0]}
    return {name: [column[window] for window in in_turn] for name, column in whole.items()}


def _kept_tokens(texts: Sequence[int], max_length: int) -> list[int]:
    """Return the places of the tokens that stay, from each token's text (-1: special)."""
    places = [[place for place, text in enumerate(texts) if text == number] for number in range(max(texts) + 1)]
    room = max_length - (len(texts) - sum(map(len, places)))
    dropped: set[int] = set()
    for tokens, share in zip(places, _shares([len(tokens) for tokens in places], room), strict=True):
        first_half = share - share // 2
        dropped.update(tokens[first_half : len(tokens) - share // 2])
    return [place for place in range(len(texts)) if place not in dropped]


def _shares(lengths: Sequence[int], room: int) -> list[int]:
    """Return how many tokens each text keeps: the longer one of a pair loses first, then both alike."""
    if sum(lengths) <= room:
        return list(lengths)
    if len(lengths) == 1:
        return [room]
    shorter = min(min(lengths), room // 2)
    return [shorter, room - shorter] if lengths[0] <= lengths[1] else [room - shorter, shorter]


def _second_slides(columns: Columns, tokenizer: PreTrainedTokenizerBase, room: int, stride: int) -> list[bool]:
    """Tell of each row whether its second text slides, after checking that there is room for the one that does."""
    if len(columns) == 1:
        return [False] * len(columns[0])
    lengths = list(zip(*(num_tokens(tokenizer, column) for column in columns), strict=True))
    faults = [
        DataFault(
            row=row + 1,
            message=f"the shorter of its texts stands whole in every window, of which {room} tokens are for text, and "
            f"leaves the longer one at most the {stride} that windows share",
            value=f"{min(pair)} tokens",
        )
        for row, pair in enumerate(lengths)
        if sum(pair) > room and room - min(pair) <= stride
    ]
    if faults:
        raise DataError(faults, remedy="  Give a larger `max_length`, a smaller `stride`, or `long` head_tail.")
    return [second > first for first, second in lengths]
