"""Which executor a call asked for: runs one after another in this process, or several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from headstart.comparison.formats import plural
from headstart.errors import UsageError
from headstart.executor_options import ExecutorOptions
from headstart.experiments.run_data import RunDataCache
from headstart.ray_cluster import connected
from headstart.shares import THREADS
from headstart.store.local import LocalStore
from headstart.store.shared import SharedStore
from headstart.sweeps.executor import Executor, SweepListener
from headstart.sweeps.parallel import ParallelExecutor, working
from headstart.sweeps.serial import SerialExecutor
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
        with connected(asked, device) as cluster:
            from headstart.sweeps.ray_executor import RayExecutor

            say(cluster.sentence())
            yield RayExecutor(cluster, store, options, listener, cache)
        return
    if asked.num_jobs == 1:
        yield SerialExecutor(store, options, listener, cache)
        return
    environments = asked.environments(device)
    say(f"{plural(asked.num_jobs, 'run')} at once, of {plural(int(environments[0][THREADS[0]]), 'thread')} each")
    with working(environments) as workers:
        yield ParallelExecutor(workers, store, options, listener, cache)


def _require_travels(options: RunOptions, asked: ExecutorOptions) -> None:
    if options.adapter_from is not None and not asked.store_is_shared:
        raise UsageError(
            "`adapter_from` lies on this machine's disk, and runs of `executor` ray may be done on others",
            remedy="  Put it and the store on a disk that all of them see, and give `store_is_shared`.",
        )
