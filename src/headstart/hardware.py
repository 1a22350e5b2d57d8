"""Which device computes here, in which precisions it can, with how many threads, and how tensors get there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from headstart.errors import UsageError, unknown_name

if TYPE_CHECKING:
    import torch

DEVICES = ("cpu", "cuda")
PRECISIONS = ("auto", "fp32", "bf16")
SPINS, FEW_SPINS = "GOMP_SPINCOUNT", 30_000
"""How often a thread of GNU OpenMP, torch's on Linux, looks for work before it sleeps; by itself 300,000 times."""


def resolve_device(asked: str | None = None) -> str:
    """Return "cpu" or "cuda": the device that was asked for, by default a GPU where there is one.

    Raises:
        UsageError: if the name is unknown, or a GPU is asked for and none is there.
    """
    import torch

    if asked is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    check_device(asked)
    if asked == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "`device` cuda: torch finds no GPU here",
            remedy="  Leave `device` out, or install a build of torch for your GPU (https://pytorch.org).",
        )
    return asked


def check_device(device: str) -> None:
    """Hold a device to be known.

    Raises:
        UsageError: if it is not.
    """
    if device not in DEVICES:
        raise unknown_name("device", device, DEVICES)


def let_threads_sleep() -> None:
    """Let torch's threads sleep sooner when they wait for one another, unless the environment says how they wait.

    On two cores a fit takes as long, and beside two other busy processes half as long (docs/LOG.md, 2026-11-29). It has
    an effect only before torch is loaded.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault(SPINS, str(FEW_SPINS))


@contextmanager
def torch_threads(number: int | None) -> Iterator[None]:
    """Let torch compute with so many threads inside the block; None leaves them as they are."""
    import torch

    before = torch.get_num_threads()
    if number is None or number == before:
        yield
        return
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def sent(tensor: torch.Tensor, device: str | torch.device) -> torch.Tensor:
    """Return a tensor on a device. A transfer to a GPU is begun and not waited for: what uses it comes later anyhow."""
    import torch

    if torch.device(device).type != "cuda" or tensor.is_cuda:
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def gpu_name(device: str) -> str | None:
    """Return the name of the GPU that `device` means; None for a CPU."""
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else None


def check_precision(precision: str) -> None:
    """Hold a precision to be known.

    Raises:
        UsageError: if it is not.
    """
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)


def resolve_precision(precision: str, device: str) -> str:
    """Return "fp32" or "bf16"; "auto" is bf16 where the hardware computes it natively.

    Raises:
        UsageError: if the name is unknown.
    """
    check_precision(precision)
    if precision != "auto":
        return precision
    return "bf16" if computes_bf16(device) else "fp32"


def computes_bf16(device: str) -> bool:
    """Return whether a device has instructions for bf16; others imitate them, and are slower than in fp32."""
    import torch

    if device == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
