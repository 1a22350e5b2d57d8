"""Execute runs one after another, sharing a store with any number of other processes that do the same."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from headstart.errors import DivergedError, HeadstartError
from headstart.experiments.experiment import Run, StoredExperiment
from headstart.experiments.run import describe_run, run_one
from headstart.experiments.workspace import Workspace
from headstart.store.json_records import write_record
from headstart.store.local import LocalStore
from headstart.store.provenance import collect
from headstart.store.record import RunRecord, RunStatus
from headstart.training.callbacks import Progress
from headstart.training.config import RunOptions

POLL_SECONDS = 2.0


class Event(StrEnum):
    """What a sweep tells its listener about a run."""

    SKIPPED = "skipped"
    STARTED = "started"
    PROGRESS = "progress"
    ENDED = "ended"
    ELSEWHERE = "elsewhere"
    """Another process has claimed the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepEvent:
    """One thing that happened to one run; `record` comes with its end, `progress` with its updates."""

    kind: Event
    run: Run
    record: RunRecord | None = None
    progress: Progress | None = None


SweepListener = Callable[[SweepEvent], None]


def execute(
    runs: Sequence[Run], store: LocalStore, workspace: Workspace, options: RunOptions, listener: SweepListener
) -> list[RunRecord]:
    """Have all runs finished: skip what is, resume what was cut off, try errors again, wait for other processes.

    A run that fails is recorded and the sweep goes on. Returns the records in the order of `runs`.
    """
    for run in {run.experiment.digest: run for run in runs}.values():
        store.write_experiment(
            run.experiment.digest, StoredExperiment(experiment=run.experiment, source=run.source.at(0))
        )
    records: dict[int, RunRecord] = {}
    waiting = list(enumerate(runs))
    while waiting:
        still_waiting = []
        for index, run in waiting:
            record = _try(run, store, workspace, options, listener)
            if record is None:
                still_waiting.append((index, run))
            else:
                records[index] = record
        if len(still_waiting) == len(waiting):
            time.sleep(POLL_SECONDS)
        waiting = still_waiting
    return [records[index] for index in range(len(runs))]


def _try(
    run: Run, store: LocalStore, workspace: Workspace, options: RunOptions, listener: SweepListener
) -> RunRecord | None:
    """Return the run's record, or None while another process has it."""
    digest = run.experiment.digest
    with store.claim(digest, run.seed) as claimed:
        if not claimed:
            listener(SweepEvent(kind=Event.ELSEWHERE, run=run))
            return None
        done = store.record(digest, run.seed)
        if done is not None and done.status is not RunStatus.ERROR:
            listener(SweepEvent(kind=Event.SKIPPED, run=run, record=done))
            return done
        listener(SweepEvent(kind=Event.STARTED, run=run))
        record = _run_and_store(run, store, workspace, options, listener)
        listener(SweepEvent(kind=Event.ENDED, run=run, record=record))
        return record


def _run_and_store(
    run: Run, store: LocalStore, workspace: Workspace, options: RunOptions, listener: SweepListener
) -> RunRecord:
    folder = store.run_folder(run.experiment.digest, run.seed)
    write_record(folder.started_json, collect())
    try:
        record = run_one(
            run,
            workspace,
            folder,
            options,
            lambda progress: listener(SweepEvent(kind=Event.PROGRESS, run=run, progress=progress)),
        )
    except DivergedError as error:
        diverged = describe_run(run, workspace, RunStatus.DIVERGED)
        failure = replace(diverged, error=str(error), failed_stage=error.stage, failed_step=error.step)
        store.fail(failure)
        return failure
    except HeadstartError as error:
        failure = replace(describe_run(run, workspace, RunStatus.ERROR), error=str(error))
        store.fail(failure)
        return failure
    except Exception:
        failure = replace(describe_run(run, workspace, RunStatus.ERROR), error=traceback.format_exc())
        store.fail(failure)
        return failure
    store.finish(record)
    return record
