"""Runs done one after another in this process, sharing a store with any number of others that do the same."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from headstart.atomic_files import remove
from headstart.errors import CheckpointError, DivergedError, HeadstartError, InvariantError
from headstart.experiments.evaluation import evaluated, evaluated_at_the_end
from headstart.experiments.experiment import Run
from headstart.experiments.observer import observed
from headstart.experiments.run import describe_run, run_one
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.experiments.witness import Witnesses
from headstart.hardware import gpu_name
from headstart.machine import error_number, is_out_of_memory, keeps_from_writing, machine_error
from headstart.process_state import process_state_kept
from headstart.store.declared import declare_axis, with_declared
from headstart.store.json_records import write_record
from headstart.store.local import LocalStore
from headstart.store.provenance import collect
from headstart.store.record import RunRecord, RunStatus
from headstart.store.run_manifest import has_checksums
from headstart.sweeps.executor import Event, SweepEvent, SweepListener
from headstart.sweeps.stored_runs import require_stored
from headstart.training.callbacks import Progress
from headstart.training.config import RunOptions

POLL_SECONDS = 2.0
_log = logging.getLogger(__name__)


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
    _stored: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def elsewhere(self, store: LocalStore, options: RunOptions) -> SerialExecutor:
        """Return an executor with the same listener and cache that keeps its runs in another store."""
        return replace(self, store=store, options=options)

    def execute(self, runs: Sequence[Run]) -> list[RunRecord]:
        """Have all runs finished, as `Executor.execute` says."""
        self.store.tidy((run.experiment.digest, run.seed) for run in runs)
        for run in {run.experiment.digest: run for run in runs}.values():
            self._declare(run)
        records: dict[int, RunRecord] = {}
        while len(records) < len(runs):
            num_before = len(records)
            for index, run in enumerate(runs):
                if index not in records and (record := self._try(run)) is not None:
                    records[index] = record
            if len(records) == num_before:
                time.sleep(POLL_SECONDS)
        return [records[index] for index in range(len(runs))]

    def _declare(self, run: Run) -> None:
        """Have the store say what a run's experiment is, and what its comparison varies."""
        if run.experiment.digest not in self._stored:
            require_stored(self.store, run)
            self._stored.add(run.experiment.digest)
        if run.varied is not None:
            declare_axis(self.store, run.experiment.digest, run.varied)

    def _try(self, run: Run) -> RunRecord | None:
        """Return the run's record, or None while another process has it."""
        # A store of finished runs may be on a disk that cannot be written to.
        if (done := self._ended(run, warns=False)) is not None:
            return done
        with self.store.claim(run.experiment.digest, run.seed) as claimed:
            if not claimed:
                self.listener(SweepEvent(kind=Event.ELSEWHERE, run=run))
                return None
            if (done := self._ended(run)) is not None:
                return done
            self.listener(SweepEvent(kind=Event.STARTED, run=run))
            record = replace(with_declared(self.store, self._run(run)), varied=str(run.varied or ""))
            if record.status is RunStatus.FINISHED:
                self.store.finish(record)
            else:
                self.store.fail(record)
            self.listener(SweepEvent(kind=Event.ENDED, run=run, record=record))
            return record

    def _ended(self, run: Run, *, warns: bool = True) -> RunRecord | None:
        """Return the record of a run that is not to be done again."""
        done = self.store.record(run.experiment.digest, run.seed, warns=warns)
        if done is None or done.status is RunStatus.ERROR:
            return None
        self.listener(SweepEvent(kind=Event.SKIPPED, run=run, record=done))
        return done

    def _run(self, run: Run) -> RunRecord:
        """Run and return the record, also of a run that failed."""
        folder = self.store.run_folder(run.experiment.digest, run.seed)
        write_record(folder.started_json, collect(gpu_name(run.experiment.training.device)))
        data = RunData.of(run, self.cache)

        def listen(progress: Progress) -> None:
            self.listener(SweepEvent(kind=Event.PROGRESS, run=run, progress=progress))

        had_stages = any(folder.folder.glob("*/stage.json"))
        try:
            with process_state_kept():
                try:
                    return run_one(data, folder, self.options, listen, self._witnesses())
                except (CheckpointError, InvariantError) as error:
                    if not had_stages or has_checksums(folder):
                        raise
                    # Stages of an older headstart have no checksums: this is how damage in them shows.
                    _log.warning("%s\nThe stages in %s do not go together; they are done again", error, folder.folder)
                    for stage in folder.folder.glob("*/stage.json"):
                        remove(stage.parent)
                    return run_one(data, folder, self.options, listen, self._witnesses())
        except DivergedError as error:
            diverged = describe_run(data, RunStatus.DIVERGED)
            return replace(diverged, error=str(error), failed_stage=error.stage, failed_step=error.step)
        except Exception as error:
            if keeps_from_writing(error):  # the next run would end like this one
                raise
            return replace(describe_run(data, RunStatus.ERROR), error=_in_words(error))

    def _witnesses(self) -> Witnesses:
        if self.options.diagnostics:
            return observed
        return evaluated if self.options.evaluates_each_stage else evaluated_at_the_end


def _in_words(error: Exception) -> str:
    """Return what a record says of an error: what a person can mend in a sentence, all else with its traceback."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        first, *_ = str(error).split(". ")
        return (
            f"the GPU's memory did not suffice: {first}\n"
            "  It is spent by `batch_size` times `max_length`, by what trains, and by other processes on the GPU.\n"
            "  Make `batch_size` smaller and give `trainer` gradient_accumulation_steps or gradient_checkpointing=true."
        )
    if is_out_of_memory(error) or error_number(error) is not None:
        return str(machine_error(error))
    return str(error) if isinstance(error, HeadstartError) else traceback.format_exc()
