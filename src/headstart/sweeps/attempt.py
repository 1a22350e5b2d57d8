"""One run in a store: what is finished is skipped, what was cut off goes on, what fails is recorded."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace

from headstart.atomic_files import remove
from headstart.errors import CheckpointError, DivergedError, HeadstartError, InvariantError, UsageError
from headstart.experiments.evaluation import evaluated, evaluated_at_the_end
from headstart.experiments.experiment import Key, Run
from headstart.experiments.observer import observed
from headstart.experiments.run import describe_run, run_one
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.experiments.witness import Witnesses
from headstart.hardware import gpu_name
from headstart.machine import error_number, is_out_of_memory, keeps_from_writing, machine_error
from headstart.process_state import process_state_kept
from headstart.store.declared import declare_axis, with_declared
from headstart.store.json_records import write_record
from headstart.store.lease import ClaimLostError
from headstart.store.local import LocalStore
from headstart.store.provenance import collect
from headstart.store.record import RunRecord, RunStatus
from headstart.store.run_manifest import has_checksums
from headstart.sweeps.executor import Event, SweepEvent, SweepListener
from headstart.sweeps.order import Order
from headstart.sweeps.stored_runs import require_stored
from headstart.training.callbacks import Progress
from headstart.training.config import RunOptions
from headstart.training.data_parallel import ranks_of_call

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts at runs, in this process.

    Attributes:
        store: where runs are kept.
        options: of all runs.
        listener: told of every run.
        cache: what the runs share; planning may have filled it.
    """

    store: LocalStore
    options: RunOptions
    listener: SweepListener
    cache: RunDataCache

    def prepare(self, runs: Sequence[Run]) -> None:
        """Remove what dead processes left; have the store say what experiments are, and what comparisons vary."""
        self.store.tidy(run.key for run in runs)
        for digest, run in {run.experiment.digest: run for run in runs}.items():
            require_stored(self.store, run)
            if run.varied is not None:
                declare_axis(self.store, digest, run.varied)

    def begin(self, runs: Sequence[Run]) -> tuple[dict[Key, RunRecord], list[Run]]:
        """Prepare for runs; return the records of those that are finished, and the others, each once."""
        self.prepare(runs)
        records = {run.key: record for run in runs if (record := self.ended(run, warns=False)) is not None}
        return records, list({run.key: run for run in runs if run.key not in records}.values())

    def ended(self, run: Run, *, warns: bool = True) -> RunRecord | None:
        """Return the record of a run that is not to be done again."""
        done = self.store.record(*run.key, warns=warns)
        if done is None or done.status is RunStatus.ERROR:
            return None
        self.listener(SweepEvent(kind=Event.SKIPPED, run=run, record=done))
        return done

    def attempt(self, run: Run) -> RunRecord | None:
        """Return the run's record, or None while another process has it.

        `prepare` was called with the run.
        """
        # A store of finished runs may be on a disk that cannot be written to.
        if (done := self.ended(run, warns=False)) is not None:
            return done
        with self.store.claim(*run.key) as claimed:
            if not claimed:
                self.listener(SweepEvent(kind=Event.ELSEWHERE, run=run))
                return None
            if (done := self.ended(run)) is not None:
                return done
            self.listener(SweepEvent(kind=Event.STARTED, run=run))
            try:
                return self._record(run, self._run(run))
            except ClaimLostError as error:
                _log.warning("%s: %s", run, error)
                self.listener(SweepEvent(kind=Event.ELSEWHERE, run=run))
                return None

    def give_up(self, run: Run, why: str) -> RunRecord:
        """Record that a run ended in an error, and return the record: another process did it, and is dead."""
        with self.store.claim(*run.key):
            return self._record(run, replace(describe_run(RunData.of(run, self.cache), RunStatus.ERROR), error=why))

    def _record(self, run: Run, found: RunRecord) -> RunRecord:
        record = replace(with_declared(self.store, found), varied=str(run.varied or ""))
        if record.status is RunStatus.FINISHED:
            self.store.finish(record)
        else:
            self.store.fail(record)
        self.listener(SweepEvent(kind=Event.ENDED, run=run, record=record))
        return record

    def _run(self, run: Run) -> RunRecord:
        """Run and return the record, also of a run that failed."""
        folder = self.store.run_folder(*run.key)
        ranks = ranks_of_call()
        write_record(folder.started_json, collect(gpu_name(run.experiment.training.device), ranks.size))
        data = RunData.of(run, self.cache)

        def listen(progress: Progress) -> None:
            if self.store.is_lost(*run.key):
                raise ClaimLostError("another process took it over, since this one gave no sign of life")
            self.listener(SweepEvent(kind=Event.PROGRESS, run=run, progress=progress))

        had_stages = any(folder.folder.glob("*/stage.json"))
        try:
            with process_state_kept():
                require_as_planned(data)
                ranks.tell(Order(run=run, store=self.store, options=self.options))
                try:
                    with ranks.in_step():
                        return run_one(data, folder, self.options, listen, self._witnesses(), ranks)
                except (CheckpointError, InvariantError) as error:
                    if not had_stages or has_checksums(folder) or not ranks.is_alone:
                        raise
                    # Stages of an older headstart have no checksums: this is how damage in them shows.
                    _log.warning("%s\nThe stages in %s do not go together; they are done again", error, folder.folder)
                    for stage in folder.folder.glob("*/stage.json"):
                        remove(stage.parent)
                    return run_one(data, folder, self.options, listen, self._witnesses())
        except DivergedError as error:
            diverged = describe_run(data, RunStatus.DIVERGED)
            return replace(diverged, error=str(error), failed_stage=error.stage, failed_step=error.step)
        except ClaimLostError:
            raise
        except Exception as error:
            if keeps_from_writing(error):  # the next run would end like this one
                raise
            return replace(describe_run(data, RunStatus.ERROR), error=in_words(error))

    def _witnesses(self) -> Witnesses:
        if self.options.diagnostics:
            return observed
        return evaluated if self.options.evaluates_each_stage else evaluated_at_the_end


def require_as_planned(data: RunData) -> None:
    """Hold the rows and the model's files to be those that the run was planned with.

    Raises:
        UsageError: if they were changed since.
    """
    experiment = data.run.experiment
    if experiment.recorded_digest:  # An older headstart planned it.
        return
    planned_with = data.cache.rows.of(data.run.source.at(0))  # an experiment is planned with its first fold
    is_same = {
        f"the rows of {experiment.task}": planned_with.fingerprint == experiment.task_fingerprint,
        f"the files of the model {experiment.model}": data.model.revision == experiment.model_revision,
    }
    changed = [what for what, same in is_same.items() if not same]
    if changed:
        raise UsageError(
            f"{' and '.join(changed)} changed since this run was planned",
            remedy="  The same command plans anew, with what is there now.",
        )


def in_words(error: Exception) -> str:
    """Return what a record says of an error: what a person can mend in a sentence, all else with its traceback."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        first, *_ = str(error).split(". ")
        return (
            f"the GPU's memory did not suffice: {first}\n"
            "  It is spent by `batch_size` times `max_length`, by what trains, and by other processes on the GPU.\n"
            "  Give `batch_size` auto, `trainer` gradient_checkpointing=true, or a strategy that trains adapters alone."
        )
    if is_out_of_memory(error) or error_number(error) is not None:
        return str(machine_error(error))
    return str(error) if isinstance(error, HeadstartError) else traceback.format_exc()
