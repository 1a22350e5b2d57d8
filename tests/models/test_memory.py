"""Loaded weights lie in memory of their own, whatever the file looked like."""

from __future__ import annotations

import torch
from torch import nn

from headstart.models.memory import own_memory

ALIGNMENT_BYTES = 64


def test_weights_keep_their_values_and_leave_their_old_memory() -> None:
    layer = nn.Linear(3, 2)
    buffer = torch.arange(20.0)
    layer.weight.data = buffer[1:7].view(2, 3)
    before = layer.weight.detach().clone()
    own_memory(layer)
    buffer.zero_()
    assert torch.equal(layer.weight, before)
    assert layer.weight.data_ptr() % ALIGNMENT_BYTES == 0


def test_tied_weights_stay_tied() -> None:
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    own_memory(nn.ModuleList([first, second]))
    assert second.weight is first.weight


def test_buffers_move_too() -> None:
    norm = nn.BatchNorm1d(4)
    shared = torch.ones(9)
    assert norm.running_mean is not None
    norm.running_mean.data = shared[1:5]
    own_memory(norm)
    shared.zero_()
    assert torch.equal(norm.running_mean, torch.ones(4))
