"""Which executor a call asked for: runs one after another in this process, or several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from headstart.comparison.formats import plural
from headstart.errors import UsageError
from headstart.experiments.run_data import RunDataCache
from headstart.shares import THREADS, shares_of
from headstart.store.local import LocalStore
from headstart.store.shared import SharedStore
from headstart.sweeps.executor import Executor, SweepListener
from headstart.sweeps.executor_options import ExecutorOptions
from headstart.sweeps.parallel import ParallelExecutor, working
from headstart.sweeps.serial import SerialExecutor
from headstart.training.config import RunOptions

if TYPE_CHECKING:
    from headstart.sweeps.ray_executor import Cluster


@contextmanager
def open_executor(
    asked: ExecutorOptions,
    *,
    device: str,
    store: LocalStore,
    options: RunOptions,
    listener: SweepListener,
    cache: RunDataCache,
    say: Callable[[str], None] = lambda sentence: None,
) -> Iterator[Executor]:
    """Yield the executor that was asked for; its processes are gone after the block. `say` is told where runs are done.

    Raises:
        UsageError: if this machine does not have what was asked for.
    """
    if asked.store_is_shared:
        store = SharedStore(store.root)
    if asked.executor == "ray":
        _require_travels(options, asked)
        with _connected(asked, device) as cluster:
            from headstart.sweeps.ray_executor import RayExecutor

            say(cluster.sentence())
            yield RayExecutor(cluster, store, options, listener, cache)
        return
    if asked.num_jobs == 1:
        yield SerialExecutor(store, options, listener, cache)
        return
    environments = _environments(asked, device)
    say(f"{plural(asked.num_jobs, 'run')} at once, of {plural(int(environments[0][THREADS[0]]), 'thread')} each")
    with working(environments) as workers:
        yield ParallelExecutor(workers, store, options, listener, cache)


def _environments(asked: ExecutorOptions, device: str) -> list[dict[str, str]]:
    """Return the environment of each process, whose runs are on a device, "cpu" or "cuda"."""
    if asked.gpus_per_run is not None and device != "cuda":
        raise UsageError("`gpus_per_run` would have no effect: the runs are on the CPU", remedy="  Leave it out.")
    return shares_of(asked.num_jobs, device, gpus_per_run=asked.gpus_per_run or 1.0)


def _require_travels(options: RunOptions, asked: ExecutorOptions) -> None:
    if options.adapter_from is not None and not asked.store_is_shared:
        raise UsageError(
            "`adapter_from` lies on this machine's disk, and runs of `executor` ray may be done on others",
            remedy="  Put it and the store on a disk that all of them see, and give `store_is_shared`.",
        )


def _connected(asked: ExecutorOptions, device: str) -> AbstractContextManager[Cluster]:
    try:
        from headstart.sweeps.ray_executor import connected
    except ImportError as error:
        raise UsageError(
            "`executor` ray needs the extra 'ray'", remedy="  pip install 'headstart[ray]', on all machines."
        ) from error
    gpus = (asked.gpus_per_run or 1.0) if device == "cuda" else 0.0
    return connected(asked.ray_address, cores_per_run=asked.cores_per_run or 1, gpus_per_run=gpus)
