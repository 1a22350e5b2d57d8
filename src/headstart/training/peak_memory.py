"""The most memory that was held at once, by this process or on its GPU."""

from __future__ import annotations

import sys
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


def _largest_so_far() -> int:
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
