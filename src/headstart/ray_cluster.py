"""Ray, connected: what there is of a cluster, and what each of its tasks takes.

Ray comes with an extra, so it is imported where it is used.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from headstart.errors import UsageError
from headstart.executor_options import ExecutorOptions
from headstart.store.provenance import library_versions

CONNECT_SECONDS = 10.0
MOST_AWAY = 2
"""Tasks that wait at Ray for each that it can do at once: enough that no machine waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster that this process is connected to.

    Attributes:
        cores_per_run: each run is one task with so many.
        gpus_per_run: or a part of one; 0 on the CPU.
    """

    cores_per_run: int
    gpus_per_run: float

    @property
    def at_once(self) -> int:
        """How many runs there is room for now."""
        import ray

        found = ray.cluster_resources()
        by_cores = found.get("CPU", 0) / self.cores_per_run
        by_gpus = found.get("GPU", 0) / self.gpus_per_run if self.gpus_per_run else by_cores
        return max(1, int(min(by_cores, by_gpus)))

    def room(self, num_away: int) -> int:
        """How many more tasks are to be sent while so many are away."""
        return MOST_AWAY * self.at_once - num_away

    def task(self, work: Any, *, max_retries: int) -> Any:
        """Return a function of a module as a task of Ray with a run's share of a machine: call its `remote`."""
        import ray

        return ray.remote(work).options(
            num_cpus=self.cores_per_run, num_gpus=self.gpus_per_run, max_retries=max_retries
        )

    def sentence(self) -> str:
        """Say what there is, and how a machine joins."""
        import ray

        found = ray.cluster_resources()
        nodes = sum(each["Alive"] for each in ray.nodes())
        gpus = f", {found['GPU']:g} GPUs" if found.get("GPU") else ""
        join = f"ray start --address={ray.get_runtime_context().gcs_address}"
        return f"Ray: {nodes} nodes, {found.get('CPU', 0):g} cores{gpus}; another machine joins by: {join}"


@contextmanager
def connected(asked: ExecutorOptions, device: str) -> Iterator[Cluster]:
    """Yield the cluster that was asked for: the one at an address, or this machine alone.

    Args:
        asked: where it is, and what a run takes of it.
        device: of the runs, "cpu" or "cuda".

    Raises:
        UsageError: if Ray is not installed, or there is no cluster at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "`executor` ray needs the extra 'ray'", remedy="  pip install 'headstart[ray]', on all machines."
        ) from error
    was_connected = ray.is_initialized()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray tells its makers of each cluster otherwise.
    if not was_connected:
        try:
            _require_listener(asked.ray_address)
            ray.init(
                address=asked.ray_address or "local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (OSError, ValueError) as error:
            raise UsageError(
                f"`ray_address` {asked.ray_address}: there is no cluster ({error})",
                remedy="  Start one: `ray start --head` on one machine, and on the others the line that it prints.",
            ) from error
    try:
        gpus = (asked.gpus_per_run or 1.0) if device == "cuda" else 0.0
        yield Cluster(cores_per_run=asked.cores_per_run or 1, gpus_per_run=gpus)
    finally:
        if not was_connected:
            ray.shutdown()


def _require_listener(address: str | None) -> None:
    """Hold that somebody listens at HOST:PORT: Ray itself tries for minutes, and says nothing meanwhile.

    Raises:
        OSError: if nobody does.
        ValueError: if the port is no number.
    """
    host, has_port, port = (address or "").rpartition(":")
    if has_port:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()


def this_machine() -> dict[str, float]:
    """Return a resource that only this machine has: what is asked for with it stays here."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    name = next(each["NodeManagerAddress"] for each in ray.nodes() if each["NodeID"] == node)
    return {f"node:{name}": 0.001}


def begin_task(versions: Mapping[str, str], threads: int) -> UsageError | None:
    """Make a process of Ray ready for a task; return why its machine cannot do it, None where it can.

    Args:
        versions: of the machine that sends the task.
        threads: that torch may use.
    """
    import torch

    from headstart.models.own_process import prepare_process

    prepare_process()
    torch.set_num_threads(threads)  # a process keeps those of its first task
    return _other_versions(library_versions(), versions)


def _other_versions(here: Mapping[str, str], there: Mapping[str, str]) -> UsageError | None:
    """Return what is wrong with a machine whose versions are not those of the one that sends; None for equal ones."""
    differ = sorted(name for name in {*here, *there} if here.get(name) != there.get(name))
    if not differ:
        return None
    said = ", ".join(f"{name} {here.get(name, 'missing')} and not {there.get(name, 'missing')}" for name in differ)
    return UsageError(
        f"a machine of the cluster has other versions: {said}",
        remedy="  Install the same on all machines: scores of different versions are not compared.",
    )
