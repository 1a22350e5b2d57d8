"""Train one model and leave it as a folder; a killed call goes on where it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from headstart.adapters.stored_adapter import ADAPTER_RECORD_FILE
from headstart.artifacts.folder_checks import RUN_FILE
from headstart.artifacts.new_folder import new_folder, require_empty
from headstart.artifacts.working_store import remove_working_store, require_free, written_before
from headstart.errors import UsageError
from headstart.experiments.experiment import Run, TaskSource
from headstart.experiments.options import Options
from headstart.experiments.planning import plan_experiment
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.experiments.saved_adapters import require_storable
from headstart.experiments.text_checks import check_test_texts
from headstart.store.json_records import write_record
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus
from headstart.sweeps.card import write_card
from headstart.sweeps.executor import Executor
from headstart.sweeps.export import answers_of, export_adapter, write_run
from headstart.sweeps.final_test import tested
from headstart.sweeps.thresholds import decided_out_of_fold, require_tunable, with_scores_out_of_fold


def way_on(record: RunRecord, kept: Path) -> str:
    """Say what to do after a run that failed: what diverged does so again, all else is tried again; `kept` has it."""
    if record.status is not RunStatus.DIVERGED:
        return f"What is finished of it is kept in {kept}; call again to go on."
    rates = f" below {max(record.learning_rates.values()):g}" if record.learning_rates else ", a lower one"
    return f"The same call would end the same: give a `learning_rate`{rates}, or `precision` fp32 where it is not."


def plan_fit(
    options: Options,
    source: TaskSource,
    seed: int,
    out: Path,
    cache: RunDataCache,
    *,
    adapter_out: Path | None = None,
    tunes_thresholds: bool = False,
) -> Run:
    """Return the run of a fit, after every check that needs no training.

    Raises:
        UsageError: for anything that cannot work, among it an `out` or `adapter_out` that is not empty, and an adapter
            that is wanted but not trained, or cannot be stored alone, and thresholds that cannot be tuned.
    """
    require_free(out)
    experiment = plan_experiment(options, source, cache)
    is_written = written_before(out, experiment.digest, seed, has_thresholds=tunes_thresholds) is not None
    if adapter_out is not None:
        if not is_written:
            require_empty(adapter_out)
        if experiment.adapter is None or all(stage.adapter is None for stage in experiment.plan):
            raise UsageError("`save_adapter` would have no effect: no stage here trains an adapter")
        require_storable(experiment.adapter, "save_adapter")
    run = Run(experiment, seed, source.at(seed))
    data = RunData.of(run, cache)
    if tunes_thresholds:
        require_tunable(data.task, is_private=options.training.dp is not None, has_held_out=len(data.report) > 0)
    check_test_texts(data)
    return run


def fit_model(
    data: RunData,
    store: LocalStore,
    out: Path,
    executor: Executor,
    *,
    adapter_out: Path | None = None,
    tunes_thresholds: bool = False,
) -> RunRecord:
    """Train, write the model folder and score its table's test rows; returns the record.

    Of a run that failed, the record is returned too, and nothing is written. What a killed call wrote stays as it is.

    Args:
        data: of the run.
        store: where the executor keeps it, such as `working_store(out)`; removed at the end.
        out: the folder, new or empty.
        executor: has the run done, and keeps its backbone.
        adapter_out: where the trained adapter alone is written too, for another run to start from.
        tunes_thresholds: whether those of the labels are tuned on the held-out rows; the record then has the scores of
            rows that were decided by thresholds of other rows.
    """
    written = written_before(out, data.run.experiment.digest, data.run.seed, has_thresholds=tunes_thresholds)
    record = written or _write(data, store, out, executor, tunes_thresholds=tunes_thresholds)
    if record.status is RunStatus.FINISHED:
        if adapter_out is not None and not (adapter_out / ADAPTER_RECORD_FILE).exists():
            export_adapter(data.run, store, adapter_out)
        remove_working_store(store.root)
    return record


def _write(data: RunData, store: LocalStore, out: Path, executor: Executor, *, tunes_thresholds: bool) -> RunRecord:
    """Train and write the folder; return the record with the scores of the table's test rows."""
    out.parent.mkdir(parents=True, exist_ok=True)
    (record,) = executor.execute([data.run])
    if record.status is not RunStatus.FINISHED:
        return record
    with new_folder(out) as temporary:
        write_run(data, store, temporary, executor, tunes_thresholds=tunes_thresholds)
        held_out = answers_of(data.run, store)
        if tunes_thresholds and held_out is not None:
            held_out = decided_out_of_fold(held_out)
            record = with_scores_out_of_fold(record, held_out, data.task.kind)
        found = tested(data, temporary)
        if found is not None:
            record = replace(record, test=found.result)
        if found is not None or tunes_thresholds:
            write_record(temporary / RUN_FILE, record)
        write_card(temporary, data, record, held_out, found)
    return record
