"""Run a comparison and print its table: what `compare` and `demo` share."""

from __future__ import annotations

import sys
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from headstart.cli.display import sweep_display
from headstart.cli.flags import in_flags
from headstart.data.unknown_tokens import count_unknown, token_notes
from headstart.errors import UsageError
from headstart.experiments.experiment import Run
from headstart.experiments.planning import run_options
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.models.loading import kept_classes_note
from headstart.reports.frame import Frame, read_declared
from headstart.reports.renderings import answer_lines, as_rich
from headstart.reports.report import build_report
from headstart.reports.values import as_json
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus
from headstart.sweeps.plan import Sweep, check_sweep, run_sweep
from headstart.sweeps.serial import SerialExecutor
from headstart.sweeps.stopping import StoppingRule
from headstart.sweeps.until_decided import check_until_decided, run_until_decided


def run_comparison(
    sweep: Sweep,
    cache: RunDataCache,
    store_path: Path,
    *,
    quiet: bool,
    json: bool,
    until_decided: StoppingRule | None = None,
) -> None:
    """Check everything, run what is missing, print the table; exit code 1 when a run ended in an error.

    With `until_decided` seeds are added by that rule, beginning with the sweep's.

    Raises:
        UsageError: for anything that cannot work, before training.
        typer.Exit: with code 1 when a run failed.
    """
    if sweep.is_smoke and json:
        raise UsageError("`json` would have no effect: `smoke` compares nothing", remedy="  Leave one out.")
    silent = quiet or json
    store = LocalStore(store_path)
    if until_decided is not None:
        check_until_decided(sweep)
    runs = check_sweep(sweep, cache)
    if not silent:
        announce(runs, cache)
    with sweep_display(runs, quiet=silent, is_settled=not sweep.columns.choose_rates) as listener:
        plans = [stage for run in runs for stage in run.experiment.plan]
        options = run_options(sweep.training, plans, keep_backbone=False, diagnostics=sweep.diagnostics)
        executor = SerialExecutor(store, options, listener, cache)
        if until_decided is None:
            records = run_sweep(sweep, executor, cache)
        else:
            records = run_until_decided(sweep, until_decided, executor, store, cache)
    _print_results(records, store, is_smoke=sweep.is_smoke, json=json)
    _exit_on_errors(records)


def _print_results(records: list[RunRecord], store: LocalStore, *, is_smoke: bool, json: bool) -> None:
    if is_smoke:
        for record in records:
            steps = ", ".join(f"{stage.name} {stage.num_steps} steps" for stage in record.stages)
            print(
                f"{record.status}: {record.task} {record.label} seed {record.seed}" + (f" ({steps})" if steps else "")
            )
        return
    declared = read_declared(store, {record.experiment_digest for record in records})
    report = build_report(Frame.from_records(records, declared=declared), store)
    if json:
        print(as_json(report), end="")
        return
    console = Console(highlight=False)
    console.print(as_rich(report.table))
    for sentence in answer_lines(report):
        console.print(Text(sentence))


def announce(runs: list[Run], cache: RunDataCache) -> None:
    """Say what is about to run and on what, on stderr."""
    console = Console(file=sys.stderr, highlight=False, soft_wrap=True, markup=False)
    for source in dict.fromkeys(run.source for run in runs):
        data = cache.rows.of(source)
        sizes = ", ".join(f"{name} {len(split)}" for name, split in data.splits.items())
        classes = f", {data.task.num_labels} classes" if data.task.kind.has_classes else ""
        console.print(f"{data.task.name}: {sizes} rows; {data.task.kind}{classes}")
        for note in data.notes:
            console.print(f"  {in_flags(note)}")
        run = next(run for run in runs if run.source == source)
        _announce_tokens(run, cache, console)
        _announce_kept_head(run, cache, console)
    first = runs[0].experiment
    training = first.training
    console.print(
        f"{first.model} with the head {first.head}: {training.precision}, {training.attention} attention, on "
        f"{training.device}; batches of {training.batch_size}, at most {training.max_length} tokens"
    )
    if training.privacy is not None:
        budget = training.privacy
        console.print(
            f"private training ({budget.stages} stages), at most epsilon {budget.epsilon:g} at delta {budget.delta:g} "
            "for every run"
        )
    for experiment in {run.experiment.digest: run.experiment for run in runs}.values():
        stages = " + ".join(
            f"{stage.name} {stage.num_steps} steps at {stage.optimizer.learning_rate:g}" for stage in experiment.plan
        )
        console.print(f"  {experiment.task} {experiment.label}: {stages}")


def _announce_tokens(run: Run, cache: RunDataCache, console: Console) -> None:
    data = RunData.of(run, cache)
    tokens = data.tokens("train")
    unknown = count_unknown(tokens, data.train, data.tokenizer)
    for note in token_notes(unknown, data.train, data.tokenizer):
        console.print(f"  {in_flags(note)}")
    if tokens.num_truncated:
        console.print(
            f"  {tokens.num_truncated} of {len(tokens)} training rows are longer than "
            f"{run.experiment.training.max_length} tokens and {_cut(run)}; --max-length and --long change that"
        )


def _announce_kept_head(run: Run, cache: RunDataCache, console: Console) -> None:
    task = cache.rows.of(run.source).task
    if run.experiment.keep_head and (
        note := kept_classes_note(cache.model(run.experiment.model), task.kind, task.labels)
    ):
        console.print(f"  {note}")


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
