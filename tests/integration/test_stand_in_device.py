"""The stand-in for a device finds what a GPU would refuse, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch.nn import functional

from tests.support.stand_in_device import StandInDevice


@pytest.fixture
def device() -> Iterator[StandInDevice]:
    with StandInDevice() as stand_in:
        yield stand_in


MIXED: dict[str, Callable[[torch.Tensor, torch.Tensor], object]] = {
    "sum": lambda here, there: here + there,
    "in place": lambda here, there: there.add_(here),
    "embedding": lambda here, there: functional.embedding(torch.tensor([[0]]), here),
    "list": lambda here, there: torch.cat([here, there]),
    "view": lambda here, there: here.T[0] * there[0],
    "after a detour": lambda here, there: torch.zeros_like(here).detach().clone() @ there.T,
    "a cpu tensor indexed there": lambda here, there: there[torch.tensor([0], device="cuda")],
    "numpy": lambda here, there: here.numpy(),
}


@pytest.mark.parametrize("name", MIXED)
def test_what_meets_across_devices_is_refused(name: str, device: StandInDevice) -> None:
    with pytest.raises(RuntimeError, match="device"):
        MIXED[name](torch.ones(2, 3).to("cuda"), torch.ones(2, 3))


def test_what_a_gpu_allows_is_allowed(device: StandInDevice) -> None:
    here = torch.ones(2, 3, device="cuda")
    assert here.device == torch.device("cuda", 0)
    assert here.is_cuda
    here += torch.tensor(1.0)  # a scalar
    here.copy_(torch.full((2, 3), 5.0))
    assert here[torch.tensor([0])].device.type == "cuda"
    back = here.cpu()
    back.zero_()
    assert here.tolist() == [[5.0] * 3] * 2, "a copy"
    assert (back + torch.ones(2, 3)).device.type == "cpu"
    assert torch.ones_like(here, device="cpu").device.type == "cpu"
    assert here.to(torch.float64).device.type == here.to(back).to(here).device.type == "cuda"


def test_training_there_is_training_here() -> None:
    """Forward, backward, clipping and AdamW: parameters, gradients and moments are on the device, the numbers equal."""
    trained = []
    for name in ("cpu", "cuda"):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.LayerNorm(8), torch.nn.Linear(8, 3))
        rows, labels = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
        with StandInDevice() as device:
            model.to(name)
            optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
            for _ in range(3):
                functional.cross_entropy(model(rows.to(name)), labels.to(name)).backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                assert {device.holds(p.grad) for p in model.parameters()} == {name == "cuda"}
                optimizer.zero_grad()
            moments = [value for state in optimizer.state.values() for value in state.values() if value.dim()]
            assert {device.holds(tensor) for tensor in (*model.parameters(), *moments)} == {name == "cuda"}
        trained.append([parameter.detach() for parameter in model.parameters()])
    for ours, theirs in zip(*trained, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_memory_that_is_gone_is_forgotten(device: StandInDevice) -> None:
    for _ in range(3000):
        torch.ones(4, device="cuda")
    assert len(device._memory) < 1500
