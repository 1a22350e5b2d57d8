"""Runs done one after another in this process, sharing a store with any number of others that do the same."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunDataCache
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.sweeps.attempt import Attempts
from headstart.sweeps.executor import POLL_SECONDS, SweepListener
from headstart.training.config import RunOptions


@dataclass(frozen=True, slots=True)
class SerialExecutor:
    """An `Executor` without workers.

    Attributes:
        store: where runs are kept.
        options: of all runs.
        listener: told of every run.
        cache: what the runs share; planning may have filled it.
    """

    store: LocalStore
    options: RunOptions = field(default_factory=RunOptions)
    listener: SweepListener = lambda event: None
    cache: RunDataCache = field(default_factory=RunDataCache)

    def elsewhere(self, store: LocalStore, options: RunOptions) -> SerialExecutor:
        """Return an executor with the same listener and cache that keeps its runs in another store."""
        return replace(self, store=store, options=options)

    def execute(self, runs: Sequence[Run]) -> list[RunRecord]:
        """Have all runs finished, as `Executor.execute` says."""
        attempts = Attempts(self.store, self.options, self.listener, self.cache)
        attempts.prepare(runs)
        records: dict[int, RunRecord] = {}
        while len(records) < len(runs):
            num_before = len(records)
            for index, run in enumerate(runs):
                if index not in records and (record := attempts.attempt(run)) is not None:
                    records[index] = record
            if len(records) == num_before:
                time.sleep(POLL_SECONDS)
        return [records[index] for index in range(len(runs))]
