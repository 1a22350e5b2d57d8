"""Words found again in tokens: what the tokenizer decodes from a span is the word that the characters say."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase

from headstart.data.examples import Span, Split
from headstart.data.tokenisation import Truncation, tokenize
from headstart.errors import DataError, UsageError
from headstart.models.loading import load_tokenizer
from headstart.models.source import resolve_model
from tests.support.paths import SHARED_DATA, needs_demo_encoder, needs_shared_data
from tests.support.subwords import KINDS, make_subword_tokenizer
from tests.support.tiny import make_tokenizer

WORDPIECE = ("bert", "roberta", "deberta-v2")
WORDS = ("bank", "spring", "Play", "banks", "light", "a", "coats", "near", "k")
BEFORE, AFTER = ("", "", '"', "(", "-", "'("), ("", "", '"', ")", ".", '",', "'s")
BETWEEN = (" ", " ", "  ", "\n", "-")


@cache
def tokenizer_of(kind: str) -> PreTrainedTokenizerBase:
    return make_tokenizer(kind) if kind in WORDPIECE else make_subword_tokenizer(kind)


@dataclass(frozen=True)
class Marked:
    """A text and the places of its words."""

    text: str
    words: tuple[tuple[int, int], ...]


@st.composite
def marked_texts(draw: st.DrawFn) -> Marked:
    text, words = draw(st.sampled_from(("", " "))), []
    for number in range(draw(st.integers(1, 6))):
        text += draw(st.sampled_from(BETWEEN)) if number else ""
        text += draw(st.sampled_from(BEFORE))
        word = draw(st.sampled_from(WORDS))
        words.append((len(text), len(text) + len(word)))
        text += word + draw(st.sampled_from(AFTER))
    return Marked(text=text, words=tuple(words))


def letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


def decoded(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))


@pytest.mark.parametrize("kind", [*WORDPIECE, *KINDS])
@settings(deadline=None, max_examples=60)
@given(first=marked_texts(), second=marked_texts(), choose=st.data())
def test_spans_decode_to_their_words(kind: str, first: Marked, second: Marked, choose: st.DataObject) -> None:
    tokenizer = tokenizer_of(kind)
    spans = []
    for number, marked in ((0, first), (1, second)):
        begin, end = choose.draw(st.sampled_from(marked.words))
        spans.append(Span(text=number, begin=begin, end=end))
    split = Split.of(texts=((first.text, second.text),), spans=((spans[0], spans[1]),))
    tokens = tokenize(split, tokenizer, max_length=128)
    assert tokens.spans is not None
    first_begin, first_end, second_begin, second_end = tokens.spans[0]
    ids = tokens.features["input_ids"][0]
    assert first_end <= second_begin
    for marked, span, begin, end in zip(
        (first, second), spans, (first_begin, second_begin), (first_end, second_end), strict=True
    ):
        assert letters(decoded(tokenizer, ids[begin:end])) == letters(marked.text[span.begin : span.end])
        assert not decoded(tokenizer, ids[begin : begin + 1]).isspace()


@pytest.mark.parametrize("kind", [*WORDPIECE, *KINDS])
def test_both_spans_of_one_text_and_spans_of_several_words(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    text = 'The bank said: "a light coat", near the bank.'
    coat, bank = text.index("a light"), text.rindex("bank")
    # The second span takes the space before the word along, as careless annotations do.
    pair = (Span(text=0, begin=coat, end=coat + len("a light coat")), Span(text=0, begin=bank - 1, end=bank + 4))
    tokens = tokenize(Split.of(texts=((text,),), spans=(pair,)), tokenizer, max_length=128)
    assert tokens.spans is not None
    begin, end, second_begin, second_end = tokens.spans[0]
    ids = tokens.features["input_ids"][0]
    assert letters(decoded(tokenizer, ids[begin:end])) == "alightcoat"
    assert letters(decoded(tokenizer, ids[second_begin:second_end])) == "bank"
    assert set(tokens.features) == set(tokenizer.model_input_names) - {"attention_mask"}


@pytest.mark.parametrize("kind", ["bytes, spaces trimmed", "byte fallback"])
def test_words_of_characters_that_the_tokenizer_knows_as_bytes_only(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    text = "a \u65e5\u672c coat"
    pair = (Span(text=0, begin=2, end=4), Span(text=0, begin=5, end=9))
    tokens = tokenize(Split.of(texts=((text,),), spans=(pair,)), tokenizer, max_length=128)
    assert tokens.spans is not None
    begin, end, *_ = tokens.spans[0]
    assert decoded(tokenizer, tokens.features["input_ids"][0][begin:end]).strip() == "\u65e5\u672c"


def split_with_a_word_at(place: int) -> Split:
    """Return two rows; the second one's spans are four letters behind `place` other words."""
    text = "sun " * place + "nbrk " + "red " * 40
    span, other = Span(text=0, begin=4 * place, end=4 * place + 4), Span(text=1, begin=0, end=3)
    return Split.of(texts=(("red", "red"), (text, "sun")), spans=((other, other), (span, span)))


TRUNCATIONS: tuple[Truncation, ...] = ("longest_first", "only_first")
MAX_LENGTH, LAST_WHOLE_PLACE = 16, 8
"""[CLS], 12 tokens of the first text, [SEP], one of the second, [SEP]; the word is four tokens long."""


@pytest.mark.parametrize("truncation", TRUNCATIONS)
@pytest.mark.parametrize("place", range(LAST_WHOLE_PLACE + 1))
def test_a_span_before_the_cut_is_right(truncation: Truncation, place: int) -> None:
    tokenizer = make_tokenizer("bert")
    tokens = tokenize(split_with_a_word_at(place), tokenizer, max_length=MAX_LENGTH, truncation=truncation)
    assert tokens.spans is not None
    assert tokens.spans[1] == (place + 1, place + 5) * 2
    assert tokens.features["input_ids"][1][place + 1 : place + 5] == tokenizer("nbrk")["input_ids"][1:-1]


@pytest.mark.parametrize("truncation", TRUNCATIONS)
@pytest.mark.parametrize("place", range(LAST_WHOLE_PLACE + 1, 20))
def test_a_span_that_is_cut_is_refused_with_its_row(truncation: Truncation, place: int) -> None:
    with pytest.raises(DataError, match=r"is cut off: the row is longer than 16 tokens: 'nbrk' ") as caught:
        tokenize(split_with_a_word_at(place), make_tokenizer("bert"), max_length=MAX_LENGTH, truncation=truncation)
    assert [fault.row for fault in caught.value.faults] == [2, 2]
    assert "`max_length`" in str(caught.value)


def test_a_span_without_a_token_is_refused() -> None:
    text = "a \u200b coat"
    pair = (Span(text=0, begin=2, end=3), Span(text=0, begin=4, end=8))
    with pytest.raises(DataError, match=r"row 1: a place in text 1 has no token: .*\(characters 2 to 3\)"):
        tokenize(Split.of(texts=((text,),), spans=(pair,)), make_tokenizer("bert"), max_length=16)


@pytest.mark.parametrize("truncation", ["head_tail", "window"])
def test_spans_go_with_plain_truncation_only(truncation: Truncation) -> None:
    span = Span(text=0, begin=0, end=1)
    with pytest.raises(UsageError, match=f"`long` {truncation} cannot be used"):
        tokenize(
            Split.of((("a",),), spans=((span, span),)),
            make_tokenizer("bert"),
            max_length=16,
            truncation=truncation,
        )


def test_a_tokenizer_without_offsets_is_refused() -> None:
    span = Span(text=0, begin=0, end=1)
    with pytest.raises(UsageError, match="needs a fast tokenizer, which ByT5Tokenizer is not"):
        tokenize(Split.of(texts=(("a",),), spans=((span, span),)), ByT5Tokenizer(), max_length=16)


@pytest.mark.real
@needs_shared_data
@needs_demo_encoder
def test_every_word_of_wic_is_found() -> None:
    tokenizer = load_tokenizer(resolve_model("embedded:minilm-l6"))
    lines = (SHARED_DATA / "super_glue" / "wic" / "validation.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    split = Split.of(
        texts=tuple((row["sentence1"], row["sentence2"]) for row in rows),
        spans=tuple(
            (
                Span(text=0, begin=row["start1"], end=row["end1"]),
                Span(text=1, begin=row["start2"], end=row["end2"]),
            )
            for row in rows
        ),
    )
    tokens = tokenize(split, tokenizer, max_length=128)
    assert tokens.spans is not None
    for row, ids, span in zip(rows, tokens.features["input_ids"], tokens.spans, strict=True):
        for number, (begin, end) in enumerate((span[:2], span[2:]), 1):
            word = row[f"sentence{number}"][row[f"start{number}"] : row[f"end{number}"]]
            assert letters(decoded(tokenizer, ids[begin:end])) == letters(word)
