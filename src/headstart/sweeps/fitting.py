"""Train one model and leave it as a folder; a killed call goes on where it was."""

from __future__ import annotations

import shutil
from pathlib import Path

from headstart.artifacts.new_folder import require_empty
from headstart.errors import UsageError
from headstart.experiments.experiment import Run, TaskSource
from headstart.experiments.options import Options
from headstart.experiments.planning import plan_experiment
from headstart.experiments.saved_adapters import require_storable
from headstart.experiments.workspace import Workspace
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus
from headstart.sweeps.export import export_adapter, export_run
from headstart.sweeps.serial_executor import SweepListener, execute
from headstart.training.config import RunOptions


def working_store(out: Path) -> Path:
    """Return the folder beside `out` that holds an unfinished fit."""
    return out.with_name(f"{out.name}.unfinished")


def plan_fit(
    options: Options, source: TaskSource, seed: int, out: Path, workspace: Workspace, *, adapter_out: Path | None = None
) -> Run:
    """Return the run of a fit, after every check that needs no training.

    Raises:
        UsageError: for anything that cannot work, among it an `out` or `adapter_out` that is not empty, and an adapter
            that is wanted but not trained, or cannot be stored alone.
    """
    require_empty(out)
    experiment = plan_experiment(options, source, workspace)
    if adapter_out is not None:
        require_empty(adapter_out)
        if experiment.adapter is None or all(stage.adapter is None for stage in experiment.plan):
            raise UsageError("`save_adapter` would have no effect: no stage here trains an adapter")
        require_storable(experiment.adapter, "save_adapter")
    return Run(experiment, seed, source.at(seed))


def fit_model(
    run: Run,
    options: RunOptions,
    out: Path,
    workspace: Workspace,
    listener: SweepListener,
    *,
    adapter_out: Path | None = None,
) -> RunRecord:
    """Train and write the model folder; returns the record, also of a run that failed (nothing is written then).

    With `adapter_out` the trained adapter alone is written there too, for another run to start from.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    store = LocalStore(working_store(out))
    (record,) = execute([run], store, workspace, options, listener)
    if record.status is RunStatus.FINISHED:
        export_run(run, store, out, workspace, listener)
        if adapter_out is not None:
            export_adapter(run, store, adapter_out)
        shutil.rmtree(store.root)
    return record
