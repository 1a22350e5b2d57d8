from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from headstart.models.parameters import count, digest, digests, own_memory, set_trainable


def test_equal_tensors_have_equal_digests_wherever_they_lie() -> None:
    tensor = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    transposed_twice = tensor.t().contiguous().t()
    assert not transposed_twice.is_contiguous()
    assert digest(tensor) == digest(transposed_twice) == digest(tensor.clone().requires_grad_())


@settings(max_examples=30, deadline=None)
@given(position=st.integers(0, 63), bit=st.integers(0, 30))
def test_any_flipped_bit_changes_the_digest(position: int, bit: int) -> None:
    tensor = torch.linspace(-2, 2, 64)
    flipped = tensor.clone()
    flipped.view(torch.int32)[position] ^= 1 << bit
    assert digest(tensor) != digest(flipped)


@pytest.mark.parametrize(
    "other",
    [torch.zeros(2, 3), torch.zeros(6), torch.zeros(3, 2, dtype=torch.bfloat16), torch.zeros(3, 2, dtype=torch.int32)],
)
def test_shape_and_dtype_belong_to_the_digest(other: torch.Tensor) -> None:
    assert digest(torch.zeros(3, 2)) != digest(other)


def test_zero_and_minus_zero_differ_and_nan_equals_itself() -> None:
    assert digest(torch.tensor([0.0])) != digest(torch.tensor([-0.0]))
    assert digest(torch.tensor([float("nan")])) == digest(torch.tensor([float("nan")]))


def test_empty_and_scalar_tensors_and_bf16_have_digests() -> None:
    tensors = {"empty": torch.empty(0), "scalar": torch.tensor(3), "low": torch.ones(2, dtype=torch.bfloat16)}
    assert len(set(digests(tensors).values())) == 3


def test_set_trainable_lets_exactly_the_named_train() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    model[0].weight.requires_grad_(False)
    set_trainable(model, ["0.weight", "1.bias"])
    assert {name for name, p in model.named_parameters() if p.requires_grad} == {"0.weight", "1.bias"}


def test_count_counts_scalars() -> None:
    assert count({"a": torch.zeros(2, 3), "b": torch.zeros(()), "c": torch.zeros(0)}) == 7


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
