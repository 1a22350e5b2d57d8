"""Whether a model can read the tokens of all rows, looked at once and before it runs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from headstart.data.encoding import unpadded
from headstart.data.examples import Split
from headstart.data.tokenisation import TokenizedSplit
from headstart.errors import DataError, DataFault, UsageError, shortened

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from headstart.models.input_limits import InputLimits

Faults = dict[int, tuple[str, str]]
"""Sequence -> what is wrong with its text, and what is to be shown of it; "" for the text itself."""


def can_be_unreadable(tokenizer: PreTrainedTokenizerBase, limits: InputLimits) -> bool:
    """Return whether there can be texts that tokenise and that the model cannot read all the same."""
    return limits.end is not None or not _adds_tokens(tokenizer) or _knows_more(tokenizer, limits)


def check_tokens(tokens: TokenizedSplit, split: Split, tokenizer: PreTrainedTokenizerBase, limits: InputLimits) -> None:
    """Hold the tokens of `split` to what the model can read.

    Raises:
        DataError: with the rows that have no token, a token that the model has no vector for, or in their text the
            token that ends texts.
        UsageError: if the model reads the token that ends texts, and the tokenizer does not put it there.
    """
    sequences = tokens.features["input_ids"]
    if not sequences or not can_be_unreadable(tokenizer, limits):
        return
    checks = (
        (_without_tokens(sequences), "  Leave these rows out, or use a model of their language."),
        (_beyond_vectors(sequences, tokenizer, limits), "  Leave these rows out, or give the model vectors for them."),
        (_with_other_ends(sequences, split, tokenizer, limits), "  Change these texts, or give the `head` linear."),
    )
    faults = {sequence: fault for found, _ in checks for sequence, fault in found.items()}
    if faults:
        raise DataError(
            list(_by_example(faults, tokens, split)), remedy="\n".join(remedy for found, remedy in checks if found)
        )


def _without_tokens(sequences: list[list[int]]) -> Faults:
    return {row: ("holds no token that the model knows", "") for row, ids in enumerate(sequences) if not ids}


def _beyond_vectors(sequences: list[list[int]], tokenizer: PreTrainedTokenizerBase, limits: InputLimits) -> Faults:
    if limits.num_ids is None or not _knows_more(tokenizer, limits):
        return {}
    highest = (max(ids, default=0) for ids in sequences)
    message = f"holds a token without a vector: the model has vectors for {limits.num_ids} tokens"
    return {
        row: (message, f"{tokenizer.convert_ids_to_tokens(number)!r} with the number {number}")
        for row, number in enumerate(highest)
        if number >= limits.num_ids
    }


def _with_other_ends(
    sequences: list[list[int]], split: Split, tokenizer: PreTrainedTokenizerBase, limits: InputLimits
) -> Faults:
    if limits.end is None:
        return {}
    token = tokenizer.convert_ids_to_tokens(limits.end)
    num_texts = len(split.texts[0]) + (split.choices is not None)
    own = unpadded(tokenizer, [[""]] * num_texts)["input_ids"][0].count(limits.end)
    if not own:
        raise UsageError(
            f"the model's own head reads the token {token!r} at the end of a text, and its tokenizer puts none there",
            remedy="  Give another `head`, such as linear.",
        )
    message = f"holds {token!r}, which ends texts: the model's own head would read another place"
    return {row: (message, "") for row, ids in enumerate(sequences) if ids.count(limits.end) != own}


def _adds_tokens(tokenizer: PreTrainedTokenizerBase) -> bool:
    return int(tokenizer.num_special_tokens_to_add()) > 0


def _knows_more(tokenizer: PreTrainedTokenizerBase, limits: InputLimits) -> bool:
    return limits.num_ids is not None and len(tokenizer) > limits.num_ids


def _by_example(faults: Faults, tokens: TokenizedSplit, split: Split) -> Iterator[DataFault]:
    """Yield the faults of sequences as faults of examples, one each."""
    ends = None if tokens.num_sequences is None else list(accumulate(tokens.num_sequences))
    by_row = {
        sequence if ends is None else bisect_right(ends, sequence): faults[sequence]
        for sequence in sorted(faults, reverse=True)
    }
    for row in sorted(by_row):
        texts = (*split.texts[row], *(split.choices[row] if split.choices is not None else ()))
        message, shown = by_row[row]
        yield DataFault(row=row + 1, message=f"the text {message}", value=shown or shortened(" / ".join(texts)))
