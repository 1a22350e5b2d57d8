"""The most memory that was held at once, by this process or on its GPU, and how it is kept low."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Mapping
from pathlib import Path

import torch

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
START_ANEW = "5"
"""Makes Linux count the peak from now on (man 5 proc_pid_clear_refs)."""


def reset_peak_memory(device: str) -> None:
    """Count the peak from now on: of the GPU, or on Linux of the process; elsewhere it cannot be started anew."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return
    try:
        CLEAR.write_text(START_ANEW)
    except OSError:
        return


def peak_memory(device: str) -> int:
    """Return the peak in bytes: of the GPU where there is one, else the process's resident size; 0 where not known."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return _largest_so_far()
    peaks = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return peaks[0] if peaks else _largest_so_far()


def release_memory() -> None:
    """Give freed memory back to the system; glibc keeps it for the process otherwise, other allocators do not."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def free_memory() -> None:
    """Let go of what nobody uses, and give it back. A trainer and its model refer to each other, and stay otherwise."""
    gc.collect()
    release_memory()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class LargeBatches:
    """Gives freed memory back before a batch that is at least as large as any before and follows one of another size.

    Batches differ in length. What a short one frees lies in pieces too small for a long one, so the process would grow
    with every change of length. Short batches fit into what a long one freed, and equal ones into each other's place.
    """

    def __init__(self) -> None:
        self._largest = self._previous = 0

    def look(self, batch: Mapping[str, torch.Tensor]) -> None:
        """Look at a batch before its forward pass."""
        size = max(tensor.numel() for tensor in batch.values())
        if size >= self._largest and size != self._previous:
            release_memory()
        self._largest, self._previous = max(size, self._largest), size


def _largest_so_far() -> int:
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
