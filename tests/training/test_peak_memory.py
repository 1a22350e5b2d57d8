"""What keeps the peak of memory low."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from headstart.training import peak_memory
from headstart.training.peak_memory import LargeBatches, release_memory


def resident_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_freed_memory_goes_back_to_the_system() -> None:
    """Pieces under the size that glibc maps by itself stay with the process, one in use above them."""
    pieces = [torch.ones(2**14) for _ in range(2_000)]  # 125 MiB
    above = torch.ones(2**14)
    del pieces
    before = resident_bytes()
    release_memory()
    assert before - resident_bytes() > 100 * 2**20
    assert above.sum() == 2**14


def test_only_batches_as_large_as_any_before_are_made_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[None] = []
    monkeypatch.setattr(peak_memory, "release_memory", lambda: calls.append(None))
    batches, called = LargeBatches(), []
    for length in (3, 5, 4, 5, 2, 6):
        before = len(calls)
        batches.look({"labels": torch.zeros(2), "input_ids": torch.zeros(2, length)})
        called.append(len(calls) > before)
    assert called == [True, True, False, True, False, True]


def test_batches_of_one_size_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head on cached features has thousands of quick updates on equal batches."""
    calls: list[None] = []
    monkeypatch.setattr(peak_memory, "release_memory", lambda: calls.append(None))
    batches = LargeBatches()
    for _ in range(5):
        batches.look({"labels": torch.zeros(4), "input_ids": torch.zeros(4, 1)})
    assert len(calls) == 1
