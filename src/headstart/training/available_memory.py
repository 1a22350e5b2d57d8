"""How much memory this process may still take: of the machine, of its container, and under its own limit."""

from __future__ import annotations

from pathlib import Path

MACHINE, PROCESS = Path("/proc/meminfo"), Path("/proc/self/status")
CONTAINERS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
"""Limit and use of a container's memory, in version 2 and 1 of Linux's control groups."""


def available_memory() -> int | None:
    """Return the bytes that can still be had without swapping or being killed; None where the system does not tell.

    What a container holds of files counts as used there, so that this is rather too little than too much.
    """
    found = [_kilobytes(MACHINE, "MemAvailable"), _under_own_limit(), *(_left(*each) for each in CONTAINERS)]
    return min((max(0, each) for each in found if each is not None), default=None)


def _under_own_limit() -> int | None:
    """Return what the process's limit on its addresses (`ulimit -v`) leaves."""
    try:
        import resource
    except ImportError:  # Only Unix has it.
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    taken = _kilobytes(PROCESS, "VmSize")
    return None if limit == resource.RLIM_INFINITY or taken is None else limit - taken


def _left(limit: Path, taken: Path) -> int | None:
    try:
        return int(limit.read_text()) - int(taken.read_text())
    except (OSError, ValueError):  # No such container, or "max" for one without a limit.
        return None


def _kilobytes(path: Path, name: str) -> int | None:
    """Return in bytes what a file of the system says in kilobytes."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)
