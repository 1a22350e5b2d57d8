"""Texts to tokens, cut as the model was trained.

The tokenizer file says nothing of lengths and padding, so that all of it is set here. What comes out are the same ids
that headstart makes with transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from tokenizers import Encoding, Tokenizer

from headstart_runtime.errors import FolderError, InputError
from headstart_runtime.long_texts import kept_places
from headstart_runtime.text_input import TextInput

Columns = Sequence[list[str]]
"""One list of texts per place in the model's input; row i of each makes sequence i."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """One sequence of the model's: token numbers, and the number of the text that each belongs to."""

    ids: list[int]
    type_ids: list[int]

    @classmethod
    def of(cls, encoding: Encoding) -> Tokens:
        """Return those of what a tokenizer gives."""
        return cls(encoding.ids, encoding.type_ids)

    @property
    def length(self) -> int:
        """The number of tokens."""
        return len(self.ids)

    def take(self, places: Sequence[int]) -> Tokens:
        """Return the tokens at some places."""
        return Tokens([self.ids[place] for place in places], [self.type_ids[place] for place in places])


class Reader:
    """Turns columns of texts into sequences of tokens, none longer than the model reads.

    Args:
        tokenizer: the text of `tokenizer.json`.
        text: how texts are read.
        has_choices: whether a choice stands after the texts of a row.

    Raises:
        FolderError: if the tokenizer cannot be built, or `max_length` leaves no room for a text.
    """

    def __init__(self, tokenizer: str, text: TextInput, *, has_choices: bool = False) -> None:
        self._text = text
        try:
            self._tokenizer = Tokenizer.from_str(tokenizer)
        except Exception as error:  # tokenizers raises nothing more particular
            raise FolderError(f"tokenizer.json cannot be read: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = text.splits_special_tokens
        # How a call truncates is noted down in the tokenizer: another thread's call may come between.
        self._lock = Lock()
        num_columns = text.num_texts + has_choices
        if num_columns > 2 or self._room(num_columns) < num_columns:
            raise FolderError("headstart_runtime.json: max_length leaves no room for the texts")

    def read(self, columns: Columns) -> tuple[list[Tokens], list[int] | None]:
        """Return the sequences of all rows, and how many windows each has (None: one each).

        Args:
            columns: one or two, of at least one row.

        Raises:
            InputError: if one text of a pair leaves the windows of the other no room, or a text holds no token that the
                model knows.
        """
        counts = None
        match self._text.truncation:
            case "window":
                sequences, counts = self._windows(columns)
            case "head_tail":
                sequences = self._head_and_tail(columns)
            case "only_first" if len(columns) > 1:
                sequences = self._only_first(columns)
            case _:
                sequences = self._cut(columns, "longest_first")
        self._check(sequences)
        return sequences, counts

    def _encode(self, columns: Columns, *, special: bool = True, **truncation: Any) -> list[Encoding]:
        texts = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
        with self._lock:
            if truncation:
                self._tokenizer.enable_truncation(
                    self._text.max_length, direction=self._text.truncation_side, **truncation
                )
            else:
                self._tokenizer.no_truncation()
            encoded: list[Encoding] = self._tokenizer.encode_batch(texts, add_special_tokens=special)
        return encoded

    def _cut(self, columns: Columns, strategy: str) -> list[Tokens]:
        return [Tokens.of(encoding) for encoding in self._encode(columns, strategy=strategy)]

    def _room(self, num_columns: int) -> int:
        """Return how many tokens of a sequence are left for its texts."""
        return self._text.max_length - int(self._tokenizer.num_special_tokens_to_add(num_columns > 1))

    def _lengths(self, column: list[str]) -> list[int]:
        """Return the length of each text in tokens, without special ones."""
        return [len(encoding.ids) for encoding in self._encode([column], special=False)]

    def _only_first(self, columns: Columns) -> list[Tokens]:
        """Return sequences that lose tokens of their first text; of both, where the second leaves it no room."""
        room = self._room(len(columns))
        has_room = [row for row, length in enumerate(self._lengths(columns[1])) if length < room]
        sequences = self._cut(columns, "longest_first")
        if has_room:
            cut = self._cut([[column[row] for row in has_room] for column in columns], "only_first")
            for row, tokens in zip(has_room, cut, strict=True):
                sequences[row] = tokens
        return sequences

    def _head_and_tail(self, columns: Columns) -> list[Tokens]:
        """Return sequences that lose the middle of their texts."""
        most = self._text.max_length
        return [
            Tokens.of(whole).take(kept_places(_texts(whole), most)) if len(whole.ids) > most else Tokens.of(whole)
            for whole in self._encode(columns)
        ]

    def _windows(self, columns: Columns) -> tuple[list[Tokens], list[int] | None]:
        """Return windows that slide over the longer text, beside which the other stands whole."""
        stride = self._text.stride
        slides = self._second_slides(columns)
        found: list[list[Tokens]] = [[] for _ in slides]
        for strategy, side in (("only_first", False), ("only_second", True)):
            if rows := [row for row, second in enumerate(slides) if second is side]:
                chosen = [[column[row] for row in rows] for column in columns]
                for row, first in zip(rows, self._encode(chosen, strategy=strategy, stride=stride), strict=True):
                    found[row] = [Tokens.of(encoding) for encoding in (first, *first.overflowing)]
        counts = [len(windows) for windows in found]
        sequences = [window for windows in found for window in windows]
        return sequences, None if max(counts) == 1 else counts

    def _second_slides(self, columns: Columns) -> list[bool]:
        if len(columns) == 1:
            return [False] * len(columns[0])
        room, stride = self._room(2), self._text.stride
        lengths = list(zip(*map(self._lengths, columns), strict=True))
        for row, pair in enumerate(lengths):
            if sum(pair) > room and room - min(pair) <= stride:
                raise InputError(
                    f"texts[{row}]: the shorter text has {min(pair)} tokens and stands whole in every window, of which "
                    f"{room} tokens are for text: it leaves the longer one no room"
                )
        return [second > first for first, second in lengths]

    def _check(self, sequences: Sequence[Tokens]) -> None:
        most = self._text.num_ids
        for tokens in sequences:
            if not tokens.ids:
                raise InputError("a text holds no token that the model knows")
            if most is not None and max(tokens.ids) >= most:
                raise InputError(f"a text holds a token without a vector: the model has vectors for {most} tokens")


def _texts(encoding: Encoding) -> list[int]:
    """Return the number of each token's text, from 0, or -1 for a special token."""
    numbers = zip(encoding.sequence_ids, encoding.special_tokens_mask, strict=True)
    return [-1 if is_special or number is None else number for number, is_special in numbers]
