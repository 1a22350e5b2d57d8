"""Tokens against the tokenizer called row by row."""

from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerBase

from headstart.data.examples import Split
from headstart.data.tokenisation import tokenize
from headstart.models.loading import load_tokenizer
from headstart.models.source import resolve_model
from tests.conftest import CheckpointMaker

ARCHITECTURES = ("bert", "roberta", "distilbert", "deberta-v2", "modernbert")
PAIRS = Split(texts=(("a", "b"), ("a " * 12, "b"), ("a", "b " * 12), ("a " * 9, "b " * 9)), labels=(0, 1, 1, 0))


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
    empty = tokenize(Split(texts=(), labels=()), tokenizer, max_length=8)
    assert len(empty) == 0
    assert empty.lengths == []
