from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.models.parameters import changed, count, digest, digests, set_trainable


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


def test_changed_names_what_differs_and_what_one_side_lacks() -> None:
    before = digests({"a": torch.zeros(2), "b": torch.zeros(2), "gone": torch.zeros(1)})
    after = digests({"a": torch.zeros(2), "b": torch.ones(2), "new": torch.zeros(1)})
    assert changed(before, after) == {"b", "gone", "new"}
    assert changed(before, before) == set()


def test_set_trainable_lets_exactly_the_named_train() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    model[0].weight.requires_grad_(False)
    set_trainable(model, ["0.weight", "1.bias"])
    assert {name for name, p in model.named_parameters() if p.requires_grad} == {"0.weight", "1.bias"}


def test_count_counts_scalars() -> None:
    assert count({"a": torch.zeros(2, 3), "b": torch.zeros(()), "c": torch.zeros(0)}) == 7
