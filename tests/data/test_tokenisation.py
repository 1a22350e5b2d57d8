"""Tokens against the tokenizer called row by row."""

from __future__ import annotations

import pytest
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase

from headstart.data.examples import Split
from headstart.data.tokenisation import tokenize
from headstart.kinds.kind import Label
from headstart.models.loading import load_tokenizer
from headstart.models.source import resolve_model
from tests.conftest import CheckpointMaker

ARCHITECTURES = ("bert", "roberta", "distilbert", "deberta-v2", "modernbert")
PAIRS = Split.of(texts=(("a", "b"), ("a " * 12, "b"), ("a", "b " * 12), ("a " * 9, "b " * 9)), labels=(0, 1, 1, 0))


@pytest.fixture(scope="module", params=ARCHITECTURES)
def tokenizer(request: pytest.FixtureRequest, tiny_checkpoint: CheckpointMaker) -> PreTrainedTokenizerBase:
    return load_tokenizer(resolve_model(str(tiny_checkpoint(request.param))))


def test_uncut_tokens_equal_the_tokenizers_own(tokenizer: PreTrainedTokenizerBase) -> None:
    tokens = tokenize(PAIRS, tokenizer, max_length=64)
    assert len(tokens) == 4
    assert tokens.labels == [0, 1, 1, 0]
    assert tokens.num_truncated == 0
    assert set(tokens.features) == set(tokenizer.model_input_names) - {"attention_mask"}
    for row, (first, second) in enumerate(PAIRS.texts):
        alone = tokenizer(first, second)
        assert {name: column[row] for name, column in tokens.features.items()} == {
            name: alone[name] for name in tokens.features
        }
        assert tokens.lengths[row] == len(alone["input_ids"])


def test_longest_first_cuts_the_longer_text_and_counts_the_rows_that_lost_tokens(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    length = len(tokenizer(*PAIRS.texts[1])["input_ids"])
    exact = tokenize(PAIRS, tokenizer, max_length=length)
    assert exact.num_truncated == sum(len(tokenizer(*pair)["input_ids"]) > length for pair in PAIRS.texts)
    cut = tokenize(PAIRS, tokenizer, max_length=length - 1)
    assert max(cut.lengths) == length - 1
    assert cut.num_truncated == sum(len(tokenizer(*pair)["input_ids"]) >= length for pair in PAIRS.texts)


def test_only_first_keeps_the_second_text_whole_where_it_fits(tokenizer: PreTrainedTokenizerBase) -> None:
    second = tokenizer("b", add_special_tokens=False)["input_ids"]
    cut = tokenize(PAIRS, tokenizer, max_length=10, truncation="only_first")
    assert max(cut.lengths) == 10
    assert cut.features["input_ids"][1][-len(second) - 1 : -1] == second
    expected = tokenizer(*PAIRS.texts[1], truncation="only_first", max_length=10)["input_ids"]
    assert cut.features["input_ids"][1] == expected
    expected = tokenizer(*PAIRS.texts[2], truncation="longest_first", max_length=10)["input_ids"]
    assert cut.features["input_ids"][2] == expected


def test_single_texts_and_no_rows(tokenizer: PreTrainedTokenizerBase) -> None:
    single = tokenize(Split(texts=(("a b c",), ("a " * 30,))), tokenizer, max_length=8, truncation="only_first")
    assert single.labels is None
    assert single.lengths[1] == 8
    assert single.num_truncated == 1
    empty = tokenize(Split.of(texts=(), labels=()), tokenizer, max_length=8)
    assert len(empty) == 0
    assert empty.lengths == []


CHOICES = Split.of(
    texts=(("a cat",), ("a dog",), ("a " * 30,)),
    choices=(("barks", "sleeps well"), ("runs", "sees " * 30, "a"), ("reads", "sings")),
    labels=(0, 2, 1),
)


def test_every_choice_is_read_after_its_text(tokenizer: PreTrainedTokenizerBase) -> None:
    tokens = tokenize(CHOICES, tokenizer, max_length=16)
    assert len(tokens) == 3
    assert tokens.labels == [0, 2, 1]
    assert tokens.num_sequences == [2, 3, 2]
    assert tokens.num_sequences_in_all == 7
    assert [list(tokens.sequences(row)) for row in range(3)] == [[0, 1], [2, 3, 4], [5, 6]]
    assert CHOICES.choices is not None
    for row, ((text,), choices) in enumerate(zip(CHOICES.texts, CHOICES.choices, strict=True)):
        alone = [tokenizer(text, choice, truncation=True, max_length=16)["input_ids"] for choice in choices]
        assert [tokens.features["input_ids"][each] for each in tokens.sequences(row)] == alone
        assert tokens.lengths[row] == sum(map(len, alone))
    # One choice of the second example is cut, both of the third: two examples.
    assert tokens.num_truncated == 2


def test_choices_without_a_text_before_them(tokenizer: PreTrainedTokenizerBase) -> None:
    split = Split.of(texts=((), ()), choices=(("a cat", "a dog"), ("one", "two")))
    tokens = tokenize(split, tokenizer, max_length=16)
    alone = [tokenizer(text)["input_ids"] for text in ("a cat", "a dog", "one", "two")]
    assert tokens.features["input_ids"] == alone
    assert tokens.num_sequences == [2, 2]
    assert len(tokenize(Split.of(texts=(), choices=()), tokenizer, max_length=16)) == 0


def test_labels_of_every_kind_pass_through(tokenizer: PreTrainedTokenizerBase) -> None:
    labels: tuple[tuple[Label, ...], ...] = ((0, 1), (2.5, 0.0), ((0, 2), ()))
    for given in labels:
        tokens = tokenize(Split.of(texts=(("a",), ("b",)), labels=given), tokenizer, max_length=16)
        assert tokens.labels == list(given)


def test_a_tokenizer_without_a_fast_version_reads_plain_texts() -> None:
    tokens = tokenize(Split(texts=(("abc",), ("abcdefgh",))), ByT5Tokenizer(), max_length=6)
    assert tokens.lengths == [4, 6]
    assert tokens.num_truncated == 1
