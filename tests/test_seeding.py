"""Streams are derived as documented, and leave the global generators alone."""

from __future__ import annotations

import hashlib

import pytest
import torch

from headstart.seeding import derive_seed, numpy_generator, seed_torch, torch_stream


def test_a_stream_is_the_sha256_of_root_and_name() -> None:
    expected = int(hashlib.sha256(b"7/head_init").hexdigest()[:8], 16)
    assert derive_seed(7, "head_init") == expected < 2**32


def test_streams_differ_by_name_and_by_root() -> None:
    seeds = {derive_seed(root, name) for root in range(50) for name in ("head_init", "adapter_init", "subsample")}
    assert len(seeds) == 150


def test_numpy_streams_repeat() -> None:
    assert numpy_generator(1, "a").permutation(100).tolist() == numpy_generator(1, "a").permutation(100).tolist()


def test_a_torch_stream_restores_the_global_generator() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with torch_stream(11):
        inside = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(inside, torch.rand(3, generator=torch.Generator().manual_seed(11)))


def test_seeding_is_that_of_torch_and_notes_nothing_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """`torch.manual_seed` keeps seed and call stack for every kind of device, at a millisecond's cost each time."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    noted: list[object] = []
    monkeypatch.setattr("traceback.format_stack", lambda *_: noted.append(1) or [])
    seed_torch(5)
    assert torch.equal(torch.rand(3), expected)
    assert noted == []
