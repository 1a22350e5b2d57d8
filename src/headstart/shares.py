"""What each of several processes at once has of a machine: threads, and a GPU or a part of one."""

from __future__ import annotations

import os
from collections.abc import Mapping

from headstart.errors import UsageError

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
"""Variables that libraries take their number of threads from, when they are loaded."""
GPUS = "CUDA_VISIBLE_DEVICES"


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def num_gpus() -> int:
    """Return how many GPUs this process may use."""
    import torch

    return torch.cuda.device_count()


def shares(jobs: int, *, gpus_per_run: float, gpus: tuple[str, ...], cores: int) -> list[dict[str, str]]:
    """Return the environment of each of `jobs` processes: cores and GPUs are shared out evenly.

    Args:
        jobs: runs at once, at least 1.
        gpus_per_run: above 0 to 1: several runs share a GPU where it is less.
        gpus: names of the GPUs that may be used; none where runs are on the CPU.
        cores: that may be used.

    Raises:
        UsageError: if there are not so many GPUs.
    """
    threads = dict.fromkeys(THREADS, str(max(1, cores // jobs)))
    if not gpus:
        return [threads] * jobs
    per_gpu = max(1, int(1 / gpus_per_run + 1e-9))
    most = len(gpus) * per_gpu
    if jobs > most:
        raise UsageError(
            f"`jobs` {jobs} at `gpus_per_run` {gpus_per_run:g} need more than the {len(gpus)} GPUs here",
            allowed=f"  So many runs at once fit: {most}.",
            remedy="  Give fewer `jobs`, or let several small runs share a GPU: `gpus_per_run` 0.5.",
        )
    return [threads | {GPUS: gpus[job % len(gpus)]} for job in range(jobs)]


def shares_of(jobs: int, device: str, *, gpus_per_run: float = 1.0) -> list[dict[str, str]]:
    """Return the environment of each of `jobs` processes that compute on a device of this machine, "cpu" or "cuda".

    Raises:
        UsageError: if it is no number of processes, or there are not so many GPUs.
    """
    if jobs < 1:
        raise UsageError(f"`jobs` was given as {jobs}", allowed="  It is at least 1.")
    gpus = visible_gpus() if device == "cuda" else ()
    return shares(jobs, gpus_per_run=gpus_per_run, gpus=gpus, cores=num_cores())


def visible_gpus(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the GPUs that this process may use, by the names that a process of its own may be given."""
    number = num_gpus()
    named = [name.strip() for name in environment.get(GPUS, "").split(",") if name.strip()]
    return tuple(named[:number]) if named else tuple(map(str, range(number)))
