"""What a person may ask of executors. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headstart.errors import UsageError, unknown_name
from headstart.option import option
from headstart.shares import shares_of

EXECUTORS = ("local", "ray")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorOptions:
    """How many runs are done at once, and where.

    Raises:
        UsageError: if a value is outside its range, or would have no effect beside the others.
    """

    jobs: int | None = option(
        None,
        "So many runs, or parts of a file to predict, at once on this machine: each in a process of its own with its "
        "share of the cores. (Default: 1.)",
    )
    executor: str = option(
        "local",
        "local, or ray: each run, or part of a file to predict, is a task of Ray (extra 'ray'), on this machine or on "
        "a cluster.",
    )
    ray_address: str | None = option(
        None, "With `executor` ray: the cluster, auto or HOST:PORT. (Default: this machine alone.)"
    )
    cores_per_run: int | None = option(None, "With `executor` ray: the cores of each run. (Default: 1.)")
    gpus_per_run: float | None = option(
        None,
        "With `jobs` or ray on GPUs: the part of one that a run takes, such as 0.25 for small models. (Default: 1.)",
    )

    store_is_shared: bool = option(
        False,
        "The store is on a disk of a network, and other machines work on it too: runs are claimed by leases that a "
        "heartbeat keeps, and not by locks. With ray, runs are written there by who does them.",
    )

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            raise unknown_name("executor", self.executor, EXECUTORS)
        for name, value in (("jobs", self.jobs), ("cores_per_run", self.cores_per_run)):
            if value is not None and value < 1:
                raise UsageError(f"`{name}` was given as {value}", allowed="  It is at least 1.")
        if self.gpus_per_run is not None and not 0 < self.gpus_per_run <= 1:
            raise UsageError(
                f"`gpus_per_run` was given as {self.gpus_per_run:g}",
                allowed="  It is above 0 and at most 1: a run trains on one GPU.",
            )
        for name in self._unused():
            raise UsageError(f"`{name}` would have no effect here", remedy="  Leave it out.")

    def _unused(self) -> Iterator[str]:
        """Yield the options that were given and say nothing beside the others."""
        on_ray = self.executor == "ray"
        is_used = {
            "jobs": not on_ray,
            "ray_address": on_ray,
            "cores_per_run": on_ray,
            "gpus_per_run": on_ray or self.num_jobs > 1,
        }
        yield from (name for name, used in is_used.items() if not used and getattr(self, name) is not None)

    @property
    def num_jobs(self) -> int:
        """Runs at once on this machine."""
        return self.jobs or 1

    def environments(self, device: str) -> list[dict[str, str]]:
        """Return the environment of each process on this machine, for work on a device, "cpu" or "cuda".

        Raises:
            UsageError: if there are not so many GPUs, or a share of GPUs has no effect.
        """
        if self.gpus_per_run is not None and device != "cuda":
            raise UsageError("`gpus_per_run` would have no effect: the runs are on the CPU", remedy="  Leave it out.")
        return shares_of(self.num_jobs, device, gpus_per_run=self.gpus_per_run or 1.0)


IN_PREDICT = ("jobs", "executor", "ray_address", "cores_per_run", "gpus_per_run")
"""The options that have a meaning for predictions."""
IN_THIS_PROCESS = ExecutorOptions()
