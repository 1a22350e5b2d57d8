"""From places in texts, in characters, to places in sequences, in tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from headstart.data.encoding import BEGIN, END, TEXT, Columns, Features, encode, take_rows
from headstart.data.examples import Span
from headstart.errors import DataError, DataFault, shortened

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TokenSpans = tuple[int, int, int, int]
"""First token and the one after the last, of both spans of an example."""
SpanPair = tuple[Span, Span]
Places = tuple[tuple[int, int], tuple[int, int]]
"""The same as `TokenSpans`, span by span."""
NOWHERE = (0, 0)


def locate_spans(
    spans: Sequence[SpanPair],
    columns: Columns,
    features: Features,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
) -> list[TokenSpans]:
    """Return the tokens of both spans of every example: all that share a character with it other than a space.

    Args:
        spans: per example.
        columns: the texts, one sequence per example.
        features: the same in tokens, cut to `max_length`, with places.
        tokenizer: made them; a fast one.
        max_length: tokens per sequence, special tokens included.

    Raises:
        DataError: with every row whose span lost tokens or is without any.
    """
    found = [_both(spans[row], columns, features, row, row) for row in range(len(spans))]
    full = [row for row, ids in enumerate(features["input_ids"]) if len(ids) >= max_length]
    whole = encode(tokenizer, take_rows(columns, full), truncation=None, with_places=True) if full else {}
    uncut = {row: _both(spans[row], columns, whole, row, number) for number, row in enumerate(full)}
    faults = [
        fault
        for row, places in enumerate(found)
        for fault in _faults(row, spans[row], columns, places, uncut.get(row, places), max_length)
    ]
    if faults:
        raise DataError(faults, remedy="  Give a larger `max_length`, or leave these rows out.")
    return [(*first, *second) for first, second in found]


def _both(pair: SpanPair, columns: Columns, features: Features, row: int, number: int) -> Places:
    """Return both spans of example `row` in sequence `number` of the features."""
    texts, begins, ends = (features[name][number] for name in (TEXT, BEGIN, END))
    first, second = (_tokens(span, columns[span.text][row], texts, begins, ends) for span in pair)
    return first, second


def _tokens(span: Span, text: str, texts: Sequence[int], begins: Sequence[int], ends: Sequence[int]) -> tuple[int, int]:
    covered = [
        place
        for place, (number, begin, end) in enumerate(zip(texts, begins, ends, strict=True))
        if number == span.text and text[max(begin, span.begin) : min(end, span.end)].strip()
    ]
    return (covered[0], covered[-1] + 1) if covered else NOWHERE


def _faults(
    row: int, pair: SpanPair, columns: Columns, found: Places, uncut: Places, max_length: int
) -> list[DataFault]:
    faults = []
    for span, (begin, end), (uncut_begin, uncut_end) in zip(pair, found, uncut, strict=True):
        if uncut_begin == uncut_end:
            problem = "has no token: the tokenizer drops it"
        elif end - begin < uncut_end - uncut_begin:
            problem = f"is cut off: the row is longer than {max_length} tokens"
        else:
            continue
        words = shortened(columns[span.text][row][span.begin : span.end])
        where = f"{words} (characters {span.begin} to {span.end})"
        message = f"a place in text {span.text + 1} {problem}"
        faults.append(DataFault(row=row + 1, message=message, value=where))
    return faults
