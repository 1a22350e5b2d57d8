"""Texts to tokens, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from headstart.data.examples import Split

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Truncation = Literal["longest_first", "only_first"]


@dataclass(frozen=True, kw_only=True)
class TokenizedSplit:
    """Tokens of a split, unpadded.

    Attributes:
        features: model input name -> one list of integers per example.
        labels: per example; None for rows without labels.
        num_truncated: examples that lost tokens to the maximum length.
    """

    features: dict[str, list[list[int]]]
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
        truncation: which text of a pair loses tokens; "only_first" is the paper's.
    """
    columns = list(zip(*split.texts, strict=True))
    is_pair = len(columns) == 2
    encoded = tokenizer(
        *[list(column) for column in columns],
        truncation=truncation if is_pair else True,
        max_length=max_length,
        padding=False,
        return_attention_mask=False,
    )
    features = {name: list(encoded[name]) for name in tokenizer.model_input_names if name in encoded}
    features.setdefault("input_ids", list(encoded["input_ids"]))
    return TokenizedSplit(
        features=features,
        labels=None if split.labels is None else list(split.labels),
        num_truncated=_num_truncated(columns, tokenizer, features["input_ids"], max_length),
    )


def _num_truncated(
    columns: Sequence[Sequence[str]], tokenizer: PreTrainedTokenizerBase, input_ids: list[list[int]], max_length: int
) -> int:
    """Only examples that fill `max_length` can have lost something: tokenize these again in full."""
    full = [row for row, ids in enumerate(input_ids) if len(ids) >= max_length]
    if not full:
        return 0
    texts = [[column[row] for row in full] for column in columns]
    whole = tokenizer(*texts, truncation=False, return_attention_mask=False, verbose=False)
    return sum(len(ids) > max_length for ids in whole["input_ids"])
