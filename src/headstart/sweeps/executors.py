"""Which executor a call asked for: runs one after another in this process, or several at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from headstart.errors import UsageError
from headstart.experiments.run_data import RunDataCache
from headstart.store.local import LocalStore
from headstart.sweeps.executor import Executor, SweepListener
from headstart.sweeps.executor_options import ExecutorOptions
from headstart.sweeps.parallel import ParallelExecutor, working
from headstart.sweeps.serial import SerialExecutor
from headstart.sweeps.shares import num_cores, shares, visible_gpus
from headstart.training.config import RunOptions


@contextmanager
def open_executor(
    asked: ExecutorOptions,
    *,
    device: str,
    store: LocalStore,
    options: RunOptions,
    listener: SweepListener,
    cache: RunDataCache,
) -> Iterator[Executor]:
    """Yield the executor that was asked for; its processes are gone after the block.

    Raises:
        UsageError: if this machine does not have what was asked for.
    """
    if asked.jobs == 1:
        yield SerialExecutor(store, options, listener, cache)
        return
    with working(_environments(asked, device)) as workers:
        yield ParallelExecutor(workers, store, options, listener, cache)


def _environments(asked: ExecutorOptions, device: str) -> list[dict[str, str]]:
    """Return the environment of each process, whose runs are on a device, "cpu" or "cuda"."""
    gpus = visible_gpus() if device == "cuda" else ()
    if asked.gpus_per_run is not None and not gpus:
        raise UsageError("`gpus_per_run` would have no effect: the runs are on the CPU", remedy="  Leave it out.")
    return shares(asked.jobs, gpus_per_run=asked.gpus_per_run or 1.0, gpus=gpus, cores=num_cores())
