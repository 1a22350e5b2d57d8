"""Unknown tokens, counted by hand and against the tokenizer called text by text."""

from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerBase

from headstart.data.examples import Split
from headstart.data.tokenisation import tokenize
from headstart.data.unknown_tokens import UnknownTokens, count_unknown, token_notes
from tests.support.subwords import KINDS, make_subword_tokenizer
from tests.support.tiny import make_tokenizer

ALPHA, BETA, GAMMA = "\N{GREEK SMALL LETTER ALPHA}", "\N{GREEK SMALL LETTER BETA}", "\N{GREEK SMALL LETTER GAMMA}"
ENGLISH = ("a good film", "a bad film", "the cat sees the dog", "the dog sees the cat", "every child likes milk")


def counted(split: Split, tokenizer: PreTrainedTokenizerBase) -> UnknownTokens:
    return count_unknown(tokenize(split, tokenizer, max_length=64), split, tokenizer)


def notes(texts: tuple[str, ...], tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    split = Split(texts=tuple((text,) for text in texts))
    return token_notes(counted(split, tokenizer), split, tokenizer)


def test_what_is_unknown_is_counted_by_token_and_by_text() -> None:
    texts = (
        (f"{ALPHA} {BETA}",),
        (f"{BETA} {GAMMA}",),
        (f"a {ALPHA}",),
        (f"a {BETA}",),
        ("a cat",),
        ("A  Cat",),
        (ALPHA,),
    )
    assert counted(Split(texts=texts), make_tokenizer("bert")) == UnknownTokens(
        # Two pairs of texts are one sequence each; what differs in case and spaces alone was one text before.
        num_tokens=13,
        num_unknown=7,
        num_texts=7,
        num_wholly=3,
        num_made_equal=2,
    )


def test_pairs_and_choices_are_read_together() -> None:
    tokenizer = make_tokenizer("roberta")
    pairs = Split(texts=((ALPHA, BETA), ("a", BETA)))
    assert counted(pairs, tokenizer) == UnknownTokens(
        num_tokens=4, num_unknown=3, num_texts=2, num_wholly=1, num_made_equal=0
    )
    choices = Split.of(texts=(("a",), ("a",)), choices=((ALPHA, "b"), (BETA, "b")))
    assert counted(choices, tokenizer) == UnknownTokens(
        num_tokens=8, num_unknown=2, num_texts=4, num_wholly=0, num_made_equal=1
    )


@pytest.mark.parametrize("kind", KINDS)
def test_subwords_are_counted_as_the_tokenizer_names_them(kind: str) -> None:
    tokenizer = make_subword_tokenizer(kind)
    texts = ("The bank of the river", f"light {ALPHA} {BETA}", "\N{GRINNING FACE}")
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    found = counted(Split(texts=tuple((text,) for text in texts)), tokenizer)
    assert found.num_tokens == sum(map(len, ids))
    assert found.num_unknown == sum(each.count(tokenizer.unk_token_id) for each in ids)
    assert (found.num_unknown > 0) is (kind == "sentence pieces")


def test_an_unknown_token_that_also_stands_around_texts_says_nothing() -> None:
    tokenizer = make_subword_tokenizer("bytes, spaces kept")
    tokenizer.unk_token = "</s>"
    assert counted(Split(texts=(("a light",),)), tokenizer).num_unknown == 0


def test_ordinary_texts_and_some_emoji_are_not_spoken_of() -> None:
    tokenizer = make_tokenizer("bert")
    assert notes(ENGLISH, tokenizer) == ()
    assert notes((*ENGLISH, "a good film \N{GRINNING FACE}"), tokenizer) == ()
    assert notes((*ENGLISH * 12, "\N{GRINNING FACE}"), tokenizer) == ()


def test_texts_of_another_script_are_spoken_of_with_the_way_on() -> None:
    (note,) = notes((f"{ALPHA} {BETA}", f"{BETA} {GAMMA}", "a cat"), make_tokenizer("bert"))
    assert note == (
        "67% of the tokens are unknown to this model, 2 of 3 texts wholly; 1 texts become equal to another; "
        "a multilingual `model`, such as xlm-roberta-base, may know them"
    )
    assert notes((*ENGLISH * 9, *(ALPHA * 2,) * 2), make_tokenizer("bert")) != ()


def test_special_tokens_in_texts_are_spoken_of_where_they_are_read_as_text() -> None:
    tokenizer = make_tokenizer("bert")
    texts = (*ENGLISH * 10, "a good film [SEP] a bad film", "[MASK] [SEP]")
    assert notes(texts, tokenizer) == ()
    tokenizer.split_special_tokens = True
    assert notes(texts, tokenizer) == (
        "2 rows write special tokens of this model, such as '[SEP]': read as plain text",
    )
