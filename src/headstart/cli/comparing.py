"""Run a comparison and print its table: what `compare` and `demo` share."""

from __future__ import annotations

import sys
from pathlib import Path

import typer
from rich.console import Console

from headstart.cli.display import sweep_display
from headstart.errors import UsageError
from headstart.experiments.experiment import Run
from headstart.experiments.grid import run_options
from headstart.experiments.workspace import Workspace
from headstart.reports.frame import Frame
from headstart.reports.renderings import as_json, as_rich
from headstart.reports.tables import build_comparison
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus
from headstart.sweeps.plan import Sweep, check_sweep, run_sweep


def run_comparison(sweep: Sweep, workspace: Workspace, store_path: Path, *, quiet: bool, json: bool) -> None:
    """Check everything, run what is missing, print the table; exit code 1 when a run ended in an error.

    Raises:
        UsageError: for anything that cannot work, before training.
        typer.Exit: with code 1 when a run failed.
    """
    if sweep.is_smoke and json:
        raise UsageError("--json would have no effect: --smoke compares nothing", remedy="  Leave one out.")
    silent = quiet or json
    store = LocalStore(store_path)
    runs = check_sweep(sweep, workspace)
    if not silent:
        announce(runs, workspace)
    with sweep_display(runs, quiet=silent) as listener:
        options = run_options(
            sweep.choices, [stage for run in runs for stage in run.experiment.plan], keep_backbone=False
        )
        records = run_sweep(sweep, store, workspace, options, listener)
    _print_results(records, is_smoke=sweep.is_smoke, json=json)
    _exit_on_errors(records)


def _print_results(records: list[RunRecord], *, is_smoke: bool, json: bool) -> None:
    if is_smoke:
        for record in records:
            steps = ", ".join(f"{stage.name} {stage.num_steps} steps" for stage in record.stages)
            print(
                f"{record.status}: {record.task} {record.label} seed {record.seed}" + (f" ({steps})" if steps else "")
            )
        return
    comparison = build_comparison(Frame.from_records(records))
    if json:
        print(as_json(comparison))
    else:
        Console(highlight=False).print(as_rich(comparison))


def announce(runs: list[Run], workspace: Workspace) -> None:
    """Say what is about to run and on what, on stderr."""
    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
    for source in dict.fromkeys(run.source for run in runs):
        data = workspace.task_data(source)
        sizes = ", ".join(f"{name} {len(split)}" for name, split in data.splits.items())
        classes = f", {data.task.num_labels} classes" if data.task.kind.has_classes else ""
        console.print(f"{data.task.name}: {sizes} rows; {data.task.kind}{classes}", markup=False)
        for note in data.notes:
            console.print(f"  {note}", markup=False)
        _announce_truncation(next(run for run in runs if run.source == source), workspace, console)
    first = runs[0].experiment
    training = first.training
    console.print(
        f"{first.model} with the head {first.head}: {training.precision}, {training.attention} attention, on "
        f"{training.device}; batches of {training.batch_size}, at most {training.max_length} tokens",
        markup=False,
    )
    if training.privacy is not None:
        budget = training.privacy
        console.print(
            f"private training, at most epsilon {budget.epsilon:g} at delta {budget.delta:g} for every run", markup=False
        )
    for experiment in {run.experiment.digest: run.experiment for run in runs}.values():
        stages = " + ".join(
            f"{stage.name} {stage.num_steps} steps at {stage.optimizer.learning_rate:g}" for stage in experiment.plan
        )
        console.print(f"  {experiment.task} {experiment.label}: {stages}", markup=False)


def _announce_truncation(run: Run, workspace: Workspace, console: Console) -> None:
    tokens = workspace.tokens(run.source, run.experiment, train=True)
    if tokens.num_truncated:
        console.print(
            f"  {tokens.num_truncated} of {len(tokens)} training rows are longer than "
            f"{run.experiment.training.max_length} tokens and {_cut(run)}; --max-length and --long change that",
            markup=False,
        )


def _cut(run: Run) -> str:
    ways = {"window": "are read in windows", "head_tail": "lose their middle"}
    return ways.get(run.experiment.training.truncation, "are cut")


def _exit_on_errors(records: list[RunRecord]) -> None:
    errors = [record for record in records if record.status is RunStatus.ERROR]
    for record in errors:
        print(f"failed: {record.task} {record.label} seed {record.seed}: {record.error}", file=sys.stderr)
    if errors:
        print(f"{len(errors)} of {len(records)} runs failed; the same command tries them again", file=sys.stderr)
        raise typer.Exit(1)
