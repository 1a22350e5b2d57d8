"""Batching by length changes neither order nor values, and leaves the model as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from headstart.data.batching import PaddingCollator
from headstart.data.tokenisation import TokenizedSplit, tokenize
from headstart.inference.forward import batched_logits, evaluation_mode, length_ordered_batches
from headstart.inference.passes import PassSize
from headstart.training.diagnostics import Sample
from tests.support.saved import MAX_LENGTH, PAIR_TASK, Example, make_example, texts
from tests.support.tiny import make_checkpoint


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return make_example(make_checkpoint(tmp_path_factory.mktemp("bert") / "source", "bert"), task=PAIR_TASK)


@pytest.fixture
def tokenized(example: Example) -> TokenizedSplit:
    return tokenize(texts(PAIR_TASK), example.tokenizer, max_length=MAX_LENGTH)


def logits(example: Example, tokenized: TokenizedSplit, batch_size: int = 4) -> torch.Tensor:
    return batched_logits(
        example.classifier.model,
        tokenized,
        PaddingCollator(example.tokenizer),
        size=PassSize(rows=batch_size),
        precision="fp32",
        device="cpu",
    )


def test_every_row_gets_what_it_gets_alone(example: Example, tokenized: TokenizedSplit) -> None:
    """Independent of padding, batching and order: each row through transformers' own call, one at a time."""
    model = example.classifier.model.eval()
    with torch.no_grad():
        alone = [
            model(
                **example.tokenizer(
                    *text, truncation="longest_first", max_length=MAX_LENGTH, padding=False, return_tensors="pt"
                )
            ).logits[0]
            for text in texts(PAIR_TASK).texts
        ]
    torch.testing.assert_close(logits(example, tokenized), torch.stack(alone), rtol=0, atol=1e-5)


def test_the_batch_size_does_not_move_rows(example: Example, tokenized: TokenizedSplit) -> None:
    torch.testing.assert_close(logits(example, tokenized, 1), logits(example, tokenized, 64), rtol=0, atol=1e-5)


def test_modes_come_back_module_by_module(example: Example, tokenized: TokenizedSplit) -> None:
    model = example.classifier.model
    model.train()
    model.base_model.eval()
    before = {name: module.training for name, module in model.named_modules()}
    assert len(set(before.values())) == 2
    first = logits(example, tokenized)
    assert {name: module.training for name, module in model.named_modules()} == before
    assert torch.equal(first, logits(example, tokenized)), "dropout was on"
    model.eval()


def test_modes_come_back_after_an_error(example: Example) -> None:
    model = example.classifier.model.train()
    with pytest.raises(KeyError), evaluation_mode(model):
        raise KeyError
    assert model.training
    model.eval()


def test_the_result_can_be_used_in_a_computation_with_gradients(example: Example, tokenized: TokenizedSplit) -> None:
    scale = torch.ones(1, requires_grad=True)
    (logits(example, tokenized) * scale).sum().backward()
    assert scale.grad is not None


def test_bf16_gives_fp32_numbers_near_fp32(example: Example, tokenized: TokenizedSplit) -> None:
    exact = logits(example, tokenized)
    rough = batched_logits(
        example.classifier.model,
        tokenized,
        PaddingCollator(example.tokenizer),
        size=PassSize(rows=4),
        precision="bf16",
        device="cpu",
    )
    assert rough.dtype is torch.float32
    assert not torch.equal(rough, exact)
    torch.testing.assert_close(rough, exact, rtol=0.1, atol=0.2)


def test_progress_counts_rows(example: Example, tokenized: TokenizedSplit) -> None:
    seen: list[tuple[int, int]] = []
    batched_logits(
        example.classifier.model,
        tokenized,
        PaddingCollator(example.tokenizer),
        size=PassSize(rows=10),
        precision="fp32",
        device="cpu",
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(10, 23), (20, 23), (23, 23)]


def test_longest_rows_come_first() -> None:
    split = TokenizedSplit(features={"input_ids": [[1], [1, 2, 3], [1, 2]]}, labels=None, num_truncated=0)
    batches = list(
        length_ordered_batches(
            torch.nn.Identity(), split, lambda rows: {"size": torch.tensor(len(rows))}, PassSize(rows=2), "cpu"
        )
    )
    assert [rows for rows, _ in batches] == [[1, 2], [0]]


def test_what_stands_beside_tokens_does_not_reach_the_model(example: Example, tokenized: TokenizedSplit) -> None:
    """Labels and weights are no inputs; a row of two sequences has the mean of their logits."""
    rows = len(tokenized)
    beside = replace(tokenized, labels=[0] * rows, weights=[0.5 + row for row in range(rows)])
    torch.testing.assert_close(logits(example, beside), logits(example, tokenized), rtol=0, atol=0)
    paired = replace(beside, num_sequences=[2, *[1] * (rows - 2)], labels=[0] * (rows - 1), weights=[2.0] * (rows - 1))
    means = torch.cat([logits(example, tokenized)[:2].mean(dim=0, keepdim=True), logits(example, tokenized)[2:]])
    torch.testing.assert_close(logits(example, paired), means, rtol=0, atol=1e-6)
    sample = Sample(tokens=paired, collate=PaddingCollator(example.tokenizer), precision="fp32", device="cpu")
    torch.testing.assert_close(sample.snapshot(example.classifier.model).logits, means, rtol=0, atol=1e-5)
