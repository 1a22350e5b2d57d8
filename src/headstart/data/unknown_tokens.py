"""What a tokenizer does not read as it is written: what it does not know, and special tokens inside texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headstart.data.encoding import unpadded
from headstart.data.examples import Split
from headstart.data.repeats import text_keys
from headstart.data.tokenisation import TokenizedSplit

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MANY_TOKENS, MANY_TEXTS = 0.05, 0.02
"""Shares of unknown tokens, and of texts of nothing else, from which they are spoken of. Emoji among the words of a
language that the model knows stay below both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownTokens:
    """What a tokenizer does not know of some texts, each a sequence of the model's.

    Attributes:
        num_tokens: of all texts, without those that stand around texts.
        num_unknown: how many of them stand for something that the tokenizer does not know.
        num_texts: sequences; `num_wholly`: those of which nothing is known.
        num_made_equal: examples that differ, case and spaces aside, and do not any more as tokens.
    """

    num_tokens: int
    num_unknown: int
    num_texts: int
    num_wholly: int
    num_made_equal: int

    @property
    def share(self) -> float:
        """Unknown tokens over all, from 0 to 1."""
        return self.num_unknown / max(1, self.num_tokens)

    @property
    def are_many(self) -> bool:
        """Whether a model of another language or vocabulary is called for."""
        return self.share >= MANY_TOKENS or self.num_wholly > MANY_TEXTS * self.num_texts

    def __str__(self) -> str:
        """Return the sentence that a person reads."""
        wholly = f", {self.num_wholly:,} of {self.num_texts:,} texts wholly" if self.num_wholly else ""
        equal = f"; {self.num_made_equal:,} texts become equal to another" if self.num_made_equal else ""
        return f"{self.share:.0%} of the tokens are unknown to this model{wholly}{equal}"


def count_unknown(tokens: TokenizedSplit, split: Split, tokenizer: PreTrainedTokenizerBase) -> UnknownTokens:
    """Count what a tokenizer does not know of `split`, whose tokens are `tokens`."""
    sequences = tokens.features["input_ids"]
    around = _around(split, tokenizer)
    # Where the unknown token also stands around texts, as GPT-2's, its number says nothing.
    is_counted = tokenizer.unk_token_id is not None and tokenizer.unk_token_id not in around
    counts = [ids.count(tokenizer.unk_token_id) if is_counted else 0 for ids in sequences]
    return UnknownTokens(
        num_tokens=sum(map(len, sequences)) - len(around) * len(sequences),
        num_unknown=sum(counts),
        num_texts=len(sequences),
        num_wholly=sum(0 < count == len(ids) - len(around) for ids, count in zip(sequences, counts, strict=True)),
        num_made_equal=_num_made_equal(tokens, split, counts),
    )


def token_notes(unknown: UnknownTokens, split: Split, tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    """Return the sentences that a person should read about rows and a model's tokenizer; none about ordinary rows.

    `unknown` is what `count_unknown` says of `split`.
    """
    notes = []
    if unknown.are_many:
        notes.append(f"{unknown}; a multilingual `model`, such as xlm-roberta-base, may know them")
    written = _written_special_tokens(split, tokenizer) if tokenizer.split_special_tokens else []
    if written:
        notes.append(
            f"{len(written):,} rows write special tokens of this model, such as {written[0]!r}: read as plain text"
        )
    return tuple(notes)


def _written_special_tokens(split: Split, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Return of each row that has special tokens in its texts the first one."""
    if not tokenizer.all_special_tokens:
        return []
    pattern = re.compile("|".join(map(re.escape, tokenizer.all_special_tokens)))
    choices = split.choices or [()] * len(split)
    found = (
        next(filter(None, map(pattern.search, (*texts, *each))), None)
        for texts, each in zip(split.texts, choices, strict=True)
    )
    return [match[0] for match in found if match]


def _around(split: Split, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the tokens that stand around the texts of a sequence."""
    num_texts = len(split.texts[0]) + (split.choices is not None) if len(split) else 1
    ids: list[int] = unpadded(tokenizer, [[""]] * num_texts)["input_ids"][0]
    return ids


def _num_made_equal(tokens: TokenizedSplit, split: Split, counts: list[int]) -> int:
    """Return how many of the examples with unknown tokens are lost among each other."""
    touched = [row for row in range(len(tokens)) if any(counts[sequence] for sequence in tokens.sequences(row))]
    as_tokens = {tuple(tuple(tokens.features["input_ids"][each]) for each in tokens.sequences(row)) for row in touched}
    return len(set(text_keys(split.take(touched)))) - len(as_tokens)
