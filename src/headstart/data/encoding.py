"""Columns of texts through a tokenizer: unpadded tokens, and where in the texts they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from headstart.errors import UsageError
from headstart.process_state import in_turn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Columns = list[list[str]]
"""One list of texts per place in the model's input; row i of each makes sequence i."""
Features = dict[str, list[list[Any]]]
"""Name of a model input, or of a column of places -> one list of integers per sequence."""

SPACE_MARKS = ("\N{LOWER ONE EIGHTH BLOCK}", "\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}")
"""Tokens that are a space alone: of sentence pieces and of bytes. A tokenizer that puts one before a text gives it the
place of the text's first character, which does not belong to it."""
TEXT, BEGIN, END = "text_of_token", "begin_of_token", "end_of_token"
"""Columns of places: the token's text, from 0, or -1 for a special token; its first character; the one after its last.

The characters of a token may include the space before a word; a space alone has none."""


def encode(
    tokenizer: PreTrainedTokenizerBase,
    columns: Columns,
    *,
    truncation: Literal["longest_first", "only_first"] | None,
    max_length: int | None = None,
    with_places: bool = False,
) -> Features:
    """Return what the model reads, but the attention mask: the collator makes it with the padding.

    Args:
        tokenizer: the model's; a fast one where places are asked for.
        columns: one or two.
        truncation: which text of a pair loses tokens; None cuts nothing.
        max_length: tokens per sequence, special tokens included.
        with_places: whether the columns of places come along.
    """
    encoded = unpadded(tokenizer, columns, truncation=truncation or False, max_length=max_length)
    features = model_inputs(tokenizer, encoded)
    return features | _places(encoded.encodings) if with_places else features


def unpadded(tokenizer: PreTrainedTokenizerBase, columns: Columns, **options: Any) -> Any:
    """Return a tokenizer's answer, without padding and attention mask; `options` are further ones of its call."""
    # A fast tokenizer notes down how this call truncates, and then reads the texts: another call may come between.
    with in_turn(tokenizer):
        return tokenizer(*columns, padding=False, return_attention_mask=False, verbose=False, **options)


def model_inputs(tokenizer: PreTrainedTokenizerBase, encoded: Mapping[str, Any]) -> Features:
    """Return those columns of a tokenizer's answer that its model reads."""
    names = dict.fromkeys(("input_ids", *tokenizer.model_input_names))
    return {name: list(encoded[name]) for name in names if name in encoded}


def require_fast(tokenizer: PreTrainedTokenizerBase, purpose: str) -> None:
    """Refuse a tokenizer that does not say where in a text its tokens stand.

    Raises:
        UsageError: if it is not a fast one.
    """
    if not tokenizer.is_fast:
        raise UsageError(
            f"{purpose} needs a fast tokenizer, which {type(tokenizer).__name__} is not",
            remedy="  Use a model whose folder holds a tokenizer.json.",
        )


def num_tokens(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[int]:
    """Return the length of each text in tokens, without special ones."""
    encoded = unpadded(tokenizer, [texts], add_special_tokens=False)
    return [len(ids) for ids in encoded["input_ids"]]


def room_for_texts(tokenizer: PreTrainedTokenizerBase, max_length: int, num_texts: int) -> int:
    """Return how many of `max_length` tokens are left for the texts of a sequence."""
    return max_length - int(tokenizer.num_special_tokens_to_add(pair=num_texts > 1))


def take_rows(columns: Columns, rows: Sequence[int]) -> Columns:
    """Return the sequences at `rows`."""
    return [[column[row] for row in rows] for column in columns]


def without_places(features: Features) -> Features:
    """Return the model's inputs alone."""
    return {name: column for name, column in features.items() if name not in (TEXT, BEGIN, END)}


def _places(encodings: Sequence[Any]) -> Features:
    columns: Features = {TEXT: [], BEGIN: [], END: []}
    for encoding in encodings:
        numbers = zip(encoding.sequence_ids, encoding.special_tokens_mask, strict=True)
        columns[TEXT].append([-1 if is_special or number is None else number for number, is_special in numbers])
        columns[BEGIN].append([begin for begin, _ in encoding.offsets])
        columns[END].append(
            [
                begin if token in SPACE_MARKS else end
                for token, (begin, end) in zip(encoding.tokens, encoding.offsets, strict=True)
            ]
        )
    return columns
