"""Texts to tokens, once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from headstart.data.examples import Split

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Truncation = Literal["longest_first", "only_first"]
Columns = list[list[str]]
Features = dict[str, list[list[int]]]


@dataclass(frozen=True, kw_only=True)
class TokenizedSplit:
    """Tokens of a split, unpadded.

    Attributes:
        features: model input name -> one list of integers per example.
        labels: per example; None for rows without labels.
        num_truncated: examples that lost tokens to the maximum length.
    """

    features: Features
    labels: list[int] | None
    num_truncated: int

    def __len__(self) -> int:
        return len(self.features["input_ids"])

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens per example, special tokens included."""
        return [len(ids) for ids in self.features["input_ids"]]


def tokenize(
    split: Split,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    truncation: Truncation = "longest_first",
) -> TokenizedSplit:
    """Return the tokens of all examples, cut to `max_length`.

    Args:
        split: single texts or pairs.
        tokenizer: the model's.
        max_length: tokens per example, special tokens included.
        truncation: which text of a pair loses tokens; "only_first" is the paper's. A second text that leaves the first
            no room is cut all the same, as "longest_first" cuts it.
    """
    columns = [list(column) for column in zip(*split.texts, strict=True)]
    features = _encoded(columns, tokenizer, max_length, truncation) if columns else {"input_ids": []}
    return TokenizedSplit(
        features=features,
        labels=None if split.labels is None else list(split.labels),
        num_truncated=_num_truncated(columns, tokenizer, features["input_ids"], max_length),
    )


def _encoded(columns: Columns, tokenizer: PreTrainedTokenizerBase, max_length: int, truncation: Truncation) -> Features:
    if len(columns) == 1 or truncation == "longest_first":
        return _features(tokenizer, columns, truncation="longest_first", max_length=max_length)
    room = max_length - tokenizer.num_special_tokens_to_add(pair=True)
    seconds = tokenizer(columns[1], add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
    has_room = [row for row, ids in enumerate(seconds) if len(ids) < room]
    if len(has_room) == len(seconds):
        return _features(tokenizer, columns, truncation="only_first", max_length=max_length)
    features = _features(tokenizer, columns, truncation="longest_first", max_length=max_length)
    if has_room:
        cut_first = _features(tokenizer, _take(columns, has_room), truncation="only_first", max_length=max_length)
        for name, values in cut_first.items():
            for row, ids in zip(has_room, values, strict=True):
                features[name][row] = ids
    return features


def _features(
    tokenizer: PreTrainedTokenizerBase, columns: Columns, *, truncation: Truncation, max_length: int
) -> Features:
    """Return what the model reads, but the attention mask: the collator makes it with the padding."""
    encoded = tokenizer(
        *columns, truncation=truncation, max_length=max_length, padding=False, return_attention_mask=False
    )
    names = dict.fromkeys(("input_ids", *tokenizer.model_input_names))
    return {name: list(encoded[name]) for name in names if name in encoded}


def _num_truncated(
    columns: Columns, tokenizer: PreTrainedTokenizerBase, input_ids: list[list[int]], max_length: int
) -> int:
    """Only examples that fill `max_length` can have lost something: tokenize these again in full."""
    full = [row for row, ids in enumerate(input_ids) if len(ids) >= max_length]
    if not full:
        return 0
    whole = tokenizer(*_take(columns, full), truncation=False, return_attention_mask=False, verbose=False)
    return sum(len(ids) > max_length for ids in whole["input_ids"])


def _take(columns: Columns, rows: list[int]) -> Columns:
    return [[column[row] for row in rows] for column in columns]
