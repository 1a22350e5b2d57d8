"""The order of rows, and padding."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from headstart.data.batching import (
    BATCHES_PER_CHUNK,
    NOT_INPUTS,
    LengthBucketSampler,
    PaddingCollator,
    TokenizedDataset,
)
from headstart.data.examples import Span, Split
from headstart.data.tokenisation import tokenize
from headstart.kinds.catalogue import kind_named
from headstart.models.loading import load_tokenizer
from headstart.models.source import resolve_model
from tests.conftest import CheckpointMaker


@pytest.fixture(scope="module")
def tokenizer(tiny_checkpoint: CheckpointMaker) -> PreTrainedTokenizerBase:
    return load_tokenizer(resolve_model(str(tiny_checkpoint("bert"))))


def orders(sampler: LengthBucketSampler, num_epochs: int = 1) -> list[list[int]]:
    epochs = []
    for epoch in range(num_epochs):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    return epochs


def spread(order: list[int], lengths: list[int], batch_size: int) -> float:
    """Return the mean difference between the longest and the shortest row of a batch."""
    batches = [order[begin : begin + batch_size] for begin in range(0, len(order), batch_size)]
    return sum(max(lengths[row] for row in batch) - min(lengths[row] for row in batch) for batch in batches) / len(
        batches
    )


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), max_size=90), st.integers(1, 9), st.integers(0, 3))
def test_every_epoch_is_a_permutation(lengths: list[int], batch_size: int, seed: int) -> None:
    sampler = LengthBucketSampler(lengths, batch_size, root_seed=seed, role="finetune")
    assert len(sampler) == len(lengths)
    for order in orders(sampler, 2):
        assert sorted(order) == list(range(len(lengths)))


def test_order_follows_seed_role_and_epoch_and_nothing_else() -> None:
    lengths = [3 + row % 17 for row in range(200)]

    def make(seed: int = 0, role: str = "finetune") -> LengthBucketSampler:
        return LengthBucketSampler(lengths, 8, root_seed=seed, role=role)

    first, second = orders(make(), 2)
    torch.manual_seed(5)
    again = make()
    again.set_epoch(1)
    assert list(again) == second
    assert len({tuple(order) for order in (first, second, *orders(make(seed=1)), *orders(make(role="adapter")))}) == 4


def test_rows_of_like_length_share_a_batch_and_batches_stay_random() -> None:
    lengths = [1 + (row * 7919) % 100 for row in range(8 * BATCHES_PER_CHUNK * 4)]
    (order,) = orders(LengthBucketSampler(lengths, 8, root_seed=0, role="finetune"))
    assert spread(order, lengths, 8) < 0.25 * spread(list(range(len(lengths))), lengths, 8)
    means = [sum(lengths[row] for row in order[begin : begin + 8]) for begin in range(0, len(order), 8)]
    assert means != sorted(means)
    assert means != sorted(means, reverse=True)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_masked_and_stands_on_the_tokenizers_side(tokenizer: PreTrainedTokenizerBase, side: str) -> None:
    tokenizer.padding_side = side
    split = Split.of(texts=(("a b",), ("a b c d e f g h i",)), labels=(1, 0))
    dataset = TokenizedDataset(tokenize(split, tokenizer, max_length=32))
    batch = PaddingCollator(tokenizer)([dataset[0], dataset[1]])
    width = batch["input_ids"].shape[1]
    assert width % 8 == 0
    assert batch["labels"].tolist() == [1, 0]
    assert batch["labels"].dtype == torch.int64
    for row in range(2):
        ids, mask = batch["input_ids"][row], batch["attention_mask"][row].bool()
        assert ids[mask].tolist() == dataset[row]["input_ids"]
        assert (ids[~mask] == tokenizer.pad_token_id).all()
        padding = width - len(dataset[row]["input_ids"])
        assert mask.tolist() == ([False] * padding + [True] * (width - padding))[:: 1 if side == "left" else -1]
    tokenizer.padding_side = "right"


def test_rows_without_labels_make_a_batch_without_labels(tokenizer: PreTrainedTokenizerBase) -> None:
    dataset = TokenizedDataset(tokenize(Split(texts=(("a b",),)), tokenizer, max_length=8))
    assert "labels" not in PaddingCollator(tokenizer)([dataset[0]])


@pytest.mark.parametrize("side", ["left", "right"])
def test_spans_point_at_the_same_tokens_after_padding(tokenizer: PreTrainedTokenizerBase, side: str) -> None:
    texts = (("the dog runs",), ("a very small dog sees the cat and runs",))
    spans = tuple(
        (Span(text=0, begin=begin, end=begin + 3), Span(text=0, begin=text.index("runs"), end=text.index("runs") + 4))
        for (text,), begin in zip(texts, (4, 13), strict=True)
    )
    dataset = TokenizedDataset(tokenize(Split.of(texts=texts, spans=spans), tokenizer, max_length=32))
    tokenizer.padding_side = side
    batch = PaddingCollator(tokenizer)([dataset[0], dataset[1]])
    tokenizer.padding_side = "right"
    assert batch["spans"].dtype == torch.int64
    for row in range(2):
        begin, end, second_begin, second_end = batch["spans"][row].tolist()
        assert tokenizer.decode(batch["input_ids"][row, begin:end]) == "dog"
        assert tokenizer.decode(batch["input_ids"][row, second_begin:second_end]) == "runs"


def test_choices_stand_one_after_another_and_are_counted(tokenizer: PreTrainedTokenizerBase) -> None:
    split = Split.of(texts=(("a",), ("b c d",)), choices=(("one", "two three"), ("four", "five", "six")), labels=(1, 2))
    tokens = tokenize(split, tokenizer, max_length=32)
    dataset = TokenizedDataset(tokens)
    assert len(dataset) == 2
    assert dataset[1]["input_ids"] == tokens.features["input_ids"][2:]
    batch = PaddingCollator(tokenizer, kind=kind_named("multiple_choice"))([dataset[1], dataset[0]])
    assert batch["num_sequences"].tolist() == [3, 2]
    assert batch["labels"].tolist() == [2, 1]
    expected = tokens.features["input_ids"][2:] + tokens.features["input_ids"][:2]
    read = zip(batch["input_ids"], batch["attention_mask"].bool(), strict=True)
    assert [ids[mask].tolist() for ids, mask in read] == expected
    assert {"input_ids", "attention_mask", *tokens.features} == batch.keys() - set(NOT_INPUTS)


def test_a_batch_has_labels_of_its_kind(tokenizer: PreTrainedTokenizerBase) -> None:
    split = Split.of(texts=(("a",), ("b",)), labels=((1,), (0, 1)))
    dataset = TokenizedDataset(tokenize(split, tokenizer, max_length=8))
    batch = PaddingCollator(tokenizer, kind=kind_named("multi_label"), num_labels=2)([dataset[0], dataset[1]])
    assert batch["labels"].tolist() == [[0, 1], [1, 1]]
    assert "num_sequences" not in batch
