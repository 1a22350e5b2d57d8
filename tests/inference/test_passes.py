"""How many rows go through a model at once, and how what it says comes back."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from headstart.inference import passes
from headstart.inference.passes import Collected, PassSize
from headstart.seeding import numpy_generator


def test_a_cpu_takes_rows_and_a_gpu_tokens() -> None:
    lengths = [[128]] * 300
    sizes = {
        device: [len(each) for each in PassSize.usual(device).batches(range(300), lengths.__getitem__)]
        for device in ("cpu", "cuda")
    }
    assert sizes == {"cpu": [32] * 9 + [12], "cuda": [128, 128, 44]}


@pytest.mark.parametrize("seed", range(5))
def test_batches_are_as_large_as_they_may_be(seed: int) -> None:
    """Rows of several sequences count with all of them, each as long as the batch's longest."""
    generator = numpy_generator(seed, "subsample")
    lengths = [generator.integers(1, 60, size=generator.integers(1, 5)).tolist() for _ in range(80)]
    size = PassSize(rows=12, tokens=900)
    batches = list(size.batches(range(80), lengths.__getitem__))
    assert [row for batch in batches for row in batch] == list(range(80))
    assert all(len(batch) <= 12 and padded(batch, lengths) <= 900 for batch in batches)
    assert all(len(before) == 12 or padded([*before, after[0]], lengths) > 900 for before, after in pairwise(batches))


def padded(rows: list[int], lengths: list[list[int]]) -> int:
    """Return the tokens of rows with their padding."""
    sequences = [length for row in rows for length in lengths[row]]
    return len(sequences) * max(sequences)


def test_little_is_padded_on_a_gpu() -> None:
    """Whatever the lengths: a batch that has enough tokens ends before rows that would be padded much."""
    lengths = [[int(length)] for length in sorted(numpy_generator(0, "subsample").lognormal(3, 0.7, 5000) + 1)[::-1]]
    batches = list(PassSize.usual("cuda").batches(range(5000), lengths.__getitem__))
    in_all = sum(padded(batch, lengths) for batch in batches)
    assert 1 - sum(length for (length,) in lengths) / in_all < 0.05
    assert all(padded(batch, lengths) >= 1024 for batch in batches[:-1])
    assert max(padded(batch, lengths) for batch in batches) <= 16384


def test_a_row_that_is_too_long_goes_alone() -> None:
    lengths = [[10], [700], [10], [10]]
    assert list(PassSize(tokens=500).batches(range(4), lengths.__getitem__)) == [[0], [1], [2, 3]]
    assert not list(PassSize(tokens=500).batches((), lengths.__getitem__))


def test_what_is_collected_is_in_order_and_in_memory_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "BYTES_KEPT", 100)
    said = [torch.randn(5, 7, 4) for _ in range(9)]
    collected = Collected()
    assert collected.is_empty
    for each in said:
        collected.add(each[:, 0])
        assert all(kept.untyped_storage().nbytes() == kept.nbytes for kept in (*collected._there, *collected._here))
        assert sum(kept.nbytes for kept in collected._there) < 100
    assert torch.equal(collected.all(), torch.cat([each[:, 0] for each in said]))
