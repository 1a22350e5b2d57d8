"""Texts to tokens, once.

An example is one sequence; or one per choice, for multiple choice; or one per window, for texts longer than the model
reads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

from headstart.data.encoding import (
    Columns,
    Features,
    encode,
    num_tokens,
    require_fast,
    room_for_texts,
    take_rows,
    without_places,
)
from headstart.data.examples import HALF_CHARACTER, Split, has_half_character
from headstart.data.long_texts import head_and_tail, windows
from headstart.data.token_spans import TokenSpans, locate_spans
from headstart.errors import DataError, DataFault, UsageError, shortened
from headstart.kinds.kind import Label

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FILE = "file"
"""The feature that stands for an image or a sound: one path per sequence, in place of tokens."""
Truncation = Literal["longest_first", "only_first", "head_tail", "window"]
"""What happens to texts longer than the model reads."""


@dataclass(frozen=True, kw_only=True)
class TokenizedSplit:
    """Tokens of a split, unpadded.

    Attributes:
        features: model input name -> one list of integers per sequence; an example's sequences follow one another. Of
            images and sounds it is `FILE` with the path of each.
        labels: per example; None for rows without labels.
        num_sequences: per example; None where each has one.
        weights: per example how much it counts; None where each counts the same.
        spans: per example the first token and the one after the last of both spans; None without spans.
        num_truncated: examples that lost tokens to the maximum length.
    """

    features: Features
    labels: list[Label] | None
    num_sequences: list[int] | None = None
    spans: list[TokenSpans] | None = None
    weights: list[float] | None = None
    num_truncated: int = 0

    def __len__(self) -> int:
        return self.num_sequences_in_all if self.num_sequences is None else len(self.num_sequences)

    @property
    def alone(self) -> TokenizedSplit:
        """The sequences, each an example of its own, with what a model reads and nothing beside it."""
        return replace(self, labels=None, num_sequences=None, weights=None)

    @property
    def num_sequences_in_all(self) -> int:
        """The number of sequences of all examples together."""
        return len(self._first_feature)

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens per example, special tokens included: of all its sequences together. 1 for an image or a sound."""
        ids = self._first_feature
        if self.num_sequences is None:
            return [len(tokens) for tokens in ids]
        return [sum(len(ids[sequence]) for sequence in self.sequences(row)) for row in range(len(self))]

    def sequences(self, row: int) -> range:
        """Return the numbers of an example's sequences."""
        if self.num_sequences is None:
            return range(row, row + 1)
        return range(self._ends[row] - self.num_sequences[row], self._ends[row])

    @property
    def _first_feature(self) -> list[list[Any]]:
        return next(iter(self.features.values()))

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(self.num_sequences or ()))


def tokenize(
    split: Split,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    truncation: Truncation = "longest_first",
    stride: int = 0,
) -> TokenizedSplit:
    """Return the tokens of all examples, no sequence longer than `max_length`.

    Args:
        split: single texts, pairs, or choices with or without a text before them.
        tokenizer: the model's.
        max_length: tokens per sequence, special tokens included.
        truncation: which tokens are lost. "longest_first" cuts the end of the longer text of a pair; "only_first" (the
            paper's) that of the first, and where the second leaves it no room, of both as "longest_first" does;
            "head_tail" cuts the middle of the longer text; "window" loses nothing: windows slide over the longer text.
        stride: tokens that two neighbouring windows share.

    Raises:
        UsageError: if the length, the overlap or the tokenizer does not fit, or spans or choices meet a way of cutting
            that they cannot go with.
        DataError: with the rows that hold half of a character, whose span is cut off, or whose one text leaves too
            little room for the other.
    """
    _check_options(split, tokenizer, truncation, stride)
    labels = None if split.labels is None else list(split.labels)
    weights = None if split.weights is None else list(split.weights)
    columns, num_choices = _columns(split)
    _check_characters(split)
    if not columns:
        return TokenizedSplit(features={"input_ids": []}, labels=labels, num_sequences=num_choices, weights=weights)
    _check_room(columns, tokenizer, max_length)
    if truncation == "window":
        features, num_windows = windows(columns, tokenizer, max_length=max_length, stride=stride)
        return TokenizedSplit(features=features, labels=labels, num_sequences=num_windows, weights=weights)
    features = _cut(columns, tokenizer, max_length, truncation, with_places=split.spans is not None)
    spans = None
    if split.spans is not None:
        spans = locate_spans(split.spans, columns, features, tokenizer, max_length=max_length)
        features = without_places(features)
    truncated = _shorten(features, columns, tokenizer, max_length, halves=truncation == "head_tail")
    num_truncated = _num_examples(truncated, num_choices)
    return TokenizedSplit(
        features=features,
        labels=labels,
        num_sequences=num_choices,
        spans=spans,
        weights=weights,
        num_truncated=num_truncated,
    )


def _check_options(split: Split, tokenizer: PreTrainedTokenizerBase, truncation: Truncation, stride: int) -> None:
    if stride and truncation != "window":
        raise UsageError(
            f"`stride` {stride} would have no effect: only windows overlap", remedy="  Give `long` window."
        )
    if truncation in ("head_tail", "window"):
        if split.spans is not None:
            raise UsageError(
                f"`long` {truncation} cannot be used where the question is about places in the text",
                remedy="  Leave it out, and give a `max_length` that keeps these places.",
            )
        require_fast(tokenizer, f"`long` {truncation}")
    if truncation == "window" and split.choices is not None:
        raise UsageError(
            "`long` window cannot be used for multiple choice: every choice is a sequence of its own",
            remedy="  Leave it out, or give `long` head_tail.",
        )
    if split.spans is not None:
        require_fast(tokenizer, "a question about places in the text")


def _check_characters(split: Split) -> None:
    choices = split.choices or [()] * len(split)
    faults = [
        DataFault(row=row + 1, message=f"the text {HALF_CHARACTER}", value=shortened(text))
        for row, (texts, each) in enumerate(zip(split.texts, choices, strict=True))
        for text in (*texts, *each)
        if has_half_character(text)
    ]
    if faults:
        raise DataError(faults, remedy="  Write these texts anew, in UTF-8.")


def _check_room(columns: Columns, tokenizer: PreTrainedTokenizerBase, max_length: int) -> None:
    if room_for_texts(tokenizer, max_length, len(columns)) < len(columns):
        least = max_length - room_for_texts(tokenizer, max_length, len(columns)) + len(columns)
        raise UsageError(
            f"`max_length` {max_length} leaves no room for the text beside the special tokens",
            allowed=f"  Allowed: {least} or more.",
        )


def _columns(split: Split) -> tuple[Columns, list[int] | None]:
    """Return the texts of all sequences, and the number of choices per example."""
    if split.choices is None:
        return [list(column) for column in zip(*split.texts, strict=True)], None
    sequences = [
        (*texts, choice) for texts, choices in zip(split.texts, split.choices, strict=True) for choice in choices
    ]
    return [list(column) for column in zip(*sequences, strict=True)], [len(choices) for choices in split.choices]


def _cut(
    columns: Columns, tokenizer: PreTrainedTokenizerBase, max_length: int, truncation: Truncation, *, with_places: bool
) -> Features:
    def cut(texts: Columns, how: Literal["longest_first", "only_first"]) -> Features:
        return encode(tokenizer, texts, truncation=how, max_length=max_length, with_places=with_places)

    if len(columns) == 1 or truncation != "only_first":
        return cut(columns, "longest_first")
    room = room_for_texts(tokenizer, max_length, len(columns))
    has_room = [row for row, length in enumerate(num_tokens(tokenizer, columns[1])) if length < room]
    if len(has_room) == len(columns[1]):
        return cut(columns, "only_first")
    features = cut(columns, "longest_first")
    if has_room:
        for name, values in cut(take_rows(columns, has_room), "only_first").items():
            for row, tokens in zip(has_room, values, strict=True):
                features[name][row] = tokens
    return features


def _shorten(
    features: Features, columns: Columns, tokenizer: PreTrainedTokenizerBase, max_length: int, *, halves: bool
) -> list[int]:
    """Return the sequences that lost tokens; where `halves` is true, put the halves of their texts into `features`.

    Only sequences that fill `max_length` can have lost something: these alone are tokenised again in full.
    """
    full = [row for row, ids in enumerate(features["input_ids"]) if len(ids) >= max_length]
    if not full:
        return []
    whole = encode(tokenizer, take_rows(columns, full), truncation=None, with_places=halves)
    if halves:
        for name, values in head_and_tail(whole, max_length).items():
            for row, tokens in zip(full, values, strict=True):
                features[name][row] = tokens
    return [row for row, ids in zip(full, whole["input_ids"], strict=True) if len(ids) > max_length]


def _num_examples(sequences: list[int], num_sequences: list[int] | None) -> int:
    """Return how many examples the sequences belong to."""
    if num_sequences is None:
        return len(sequences)
    examples = [row for row, count in enumerate(num_sequences) for _ in range(count)]
    return len({examples[sequence] for sequence in sequences})
