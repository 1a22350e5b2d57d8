"""Several runs at once on this machine, each in a process of its own. The longest start first.

A worker that dies is replaced, and its run is tried once more; where that one dies too, the run is recorded as failed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import cast

from headstart.experiments.experiment import Key, Run
from headstart.experiments.run_data import RunDataCache
from headstart.processes import LESS_MEMORY, Worker
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.sweeps.attempt import Attempts
from headstart.sweeps.executor import POLL_SECONDS, SweepEvent, SweepListener
from headstart.sweeps.order import Order
from headstart.sweeps.run_length import longest_first
from headstart.sweeps.workers import Done, Failed, Message, do_runs
from headstart.training.config import RunOptions

MOST_DEATHS = 2
"""So many workers that die over a run are its own fault."""


@dataclass(slots=True)
class Workers:
    """Processes for runs, each started when it has its first run to do.

    Attributes:
        environments: of each of them.
    """

    environments: Sequence[Mapping[str, str]]
    idle: list[Worker] = field(default_factory=list)
    busy: list[Worker] = field(default_factory=list)

    def take(self) -> Worker | None:
        """Return a worker that does nothing; None where all are at work."""
        if not self.idle:
            number = len(self.busy)
            if number == len(self.environments):
                return None
            self.idle.append(Worker(do_runs, self._free_environment()))
        worker = self.idle.pop()
        self.busy.append(worker)
        return worker

    def _free_environment(self) -> Mapping[str, str]:
        left = list(self.environments)
        for worker in (*self.idle, *self.busy):
            left.remove(worker.environment)
        return left[0]

    def give_back(self, worker: Worker) -> None:
        """Say that a worker has done its run."""
        self.busy.remove(worker)
        self.idle.append(worker)

    def bury(self, worker: Worker) -> str:
        """Forget a worker that is dead, and say how it ended."""
        self.busy.remove(worker)
        death = worker.death()
        worker.end()
        return death

    def end(self) -> None:
        """End all of them now."""
        for worker in (*self.idle, *self.busy):
            worker.end()
        self.idle, self.busy = [], []

    def dismiss(self) -> None:
        """Let those end that do nothing."""
        for worker in self.idle:
            worker.dismiss()
        self.idle = []


@contextmanager
def working(environments: Sequence[Mapping[str, str]]) -> Iterator[Workers]:
    """Yield workers, which are gone after the block."""
    workers = Workers(environments)
    try:
        yield workers
        workers.dismiss()
    finally:
        workers.end()


@dataclass(frozen=True, slots=True)
class ParallelExecutor:
    """An `Executor` that sends runs to processes.

    Attributes:
        workers: who does the runs.
        store: where runs are kept, on a disk that all of them see.
        options: of all runs.
        listener: told of every run.
        cache: of planning; workers read rows and models for themselves.
    """

    workers: Workers
    store: LocalStore
    options: RunOptions
    listener: SweepListener
    cache: RunDataCache

    def elsewhere(self, store: LocalStore, options: RunOptions) -> ParallelExecutor:
        """Return an executor with the same workers and listener that keeps its runs in another store."""
        return replace(self, store=store, options=options)

    def execute(self, runs: Sequence[Run]) -> list[RunRecord]:
        """Have all runs finished, as `Executor.execute` says."""
        attempts = Attempts(self.store, self.options, self.listener, self.cache)
        records, missing = attempts.begin(runs)
        records |= _Shift(self, attempts, deque(longest_first(missing, self.cache))).records()
        return [records[run.key] for run in runs]


class _Shift:
    """One call's runs on their way through the workers."""

    def __init__(self, executor: ParallelExecutor, attempts: Attempts, waiting: deque[Run]) -> None:
        self._executor, self._attempts, self._waiting = executor, attempts, waiting
        self._workers = executor.workers
        self._elsewhere: list[tuple[float, Run]] = []
        self._deaths: Counter[Key] = Counter()
        self._records: dict[Key, RunRecord] = {}

    def records(self) -> dict[Key, RunRecord]:
        try:
            while self._waiting or self._workers.busy or self._elsewhere:
                self._look_again()
                self._send()
                self._receive()
        except BaseException:
            self._workers.end()
            raise
        return self._records

    def _look_again(self) -> None:
        """Have runs that another process had a while ago wait for a worker again."""
        now, still = monotonic(), []
        for since, run in self._elsewhere:
            if now - since < POLL_SECONDS:
                still.append((since, run))
            else:
                self._waiting.append(run)
        self._elsewhere = still

    def _send(self) -> None:
        store, options = self._executor.store, self._executor.options
        while self._waiting and (worker := self._workers.take()) is not None:
            worker.send(Order(run=self._waiting.popleft(), store=store, options=options))

    def _receive(self) -> None:
        workers = {worker.connection: worker for worker in self._workers.busy}
        for connection in wait(list(workers), timeout=POLL_SECONDS):
            worker = workers[cast(Connection, connection)]
            self._take(worker, worker.receive())

    def _take(self, worker: Worker, said: Message | None) -> None:
        match said:
            case None:
                self._died(worker.order.run, self._workers.bury(worker))
            case SweepEvent():
                self._executor.listener(said)
            case Failed(error):
                raise error
            case Done(record):
                run = worker.order.run
                self._workers.give_back(worker)
                if record is None:
                    self._elsewhere.append((monotonic(), run))
                else:
                    self._records[run.key] = record

    def _died(self, run: Run, how: str) -> None:
        self._deaths[run.key] += 1
        if self._deaths[run.key] < MOST_DEATHS:
            self._waiting.appendleft(run)
            return
        self._records[run.key] = self._attempts.give_up(
            run,
            f"the process that did it died twice: {how}.\n{LESS_MEMORY}",
        )
