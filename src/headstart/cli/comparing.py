"""Run a comparison and print its table: what `compare` and `demo` share."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import typer
from rich.console import Console

from headstart.cli.console import TextConsole, shown
from headstart.cli.display import sweep_display
from headstart.cli.flags import error_in_flags, in_flags
from headstart.cli.interruption import says_what_is_kept
from headstart.cli.launching import device_line
from headstart.cli.output import print_json
from headstart.cli.plain_text import say
from headstart.cli.training_plan import plan_line
from headstart.comparison.expected import ExpectedScore, expected_lines
from headstart.comparison.formats import plural
from headstart.comparison.frame import Frame
from headstart.comparison.report import build_report
from headstart.data.examples import TaskData
from headstart.data.unknown_tokens import count_unknown, token_notes
from headstart.errors import UsageError
from headstart.executor_options import IN_THIS_PROCESS, ExecutorOptions
from headstart.experiments.experiment import Experiment, Run, TaskSource
from headstart.experiments.planning import run_options
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.launcher import launched
from headstart.media.modality import Modality
from headstart.models.kept_head import pairing_note
from headstart.models.trained_head import trained_head
from headstart.reports.renderings import answer_lines, as_rich, rich_groups
from headstart.reports.values import as_json
from headstart.store.damage import StoreDamage
from headstart.store.declared import read_designs
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus
from headstart.sweeps.executors import open_executor
from headstart.sweeps.plan import Sweep, check_sweep, run_sweep
from headstart.sweeps.row_groups import with_groups
from headstart.sweeps.stopping import StoppingRule
from headstart.sweeps.until_decided import check_until_decided, run_until_decided
from headstart.training.arguments import accumulated_batches

SHOWN_CLASSES = 6


def run_comparison(
    sweep: Sweep,
    cache: RunDataCache,
    store_path: Path,
    *,
    quiet: bool,
    json: bool,
    until_decided: StoppingRule | None = None,
    expected: tuple[ExpectedScore, ...] = (),
    group_by: str | None = None,
    executing: ExecutorOptions = IN_THIS_PROCESS,
) -> None:
    """Check everything, run what is missing, print the table; exit code 1 when a run ended in an error.

    With `until_decided` seeds are added by that rule, beginning with the sweep's. What a recipe expects is held against
    the table, in sentences only. `group_by` is a column of the tables, by which rows are scored apart as well.

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
        open_runs = [run for run in runs if store.record(*run.key, warns=False) is None]
        if open_runs:
            say(plan_line(open_runs, cache, scores_each_stage=True), file=sys.stderr)
            say(f"writes every run to {store_path}, where finished ones are not repeated", file=sys.stderr)
    is_settled = not sweep.columns.choose_rates
    with says_what_is_kept(store_path), sweep_display(runs, quiet=silent, is_settled=is_settled) as listener:
        plans = [stage for run in runs for stage in run.experiment.plan]
        options = run_options(sweep.training, plans, keep_backbone=False, diagnostics=sweep.diagnostics)
        device = runs[0].experiment.training.device
        with open_executor(
            executing,
            device=device,
            store=store,
            options=options,
            listener=listener,
            cache=cache,
            say=lambda sentence: None if silent else say(sentence, file=sys.stderr),
        ) as executor:
            if until_decided is None:
                records = run_sweep(sweep, executor, cache)
            else:
                records = run_until_decided(sweep, until_decided, executor, store, cache)
    if sweep.is_smoke:
        _print_smoke(runs, records)
    else:
        _print_results(records, store, expected, group_by, json=json)
    _exit_on_errors(records)


def _print_smoke(runs: list[Run], records: list[RunRecord]) -> None:
    for run, record in zip(runs, records, strict=True):
        steps = ", ".join(f"{stage.name} {plural(stage.num_steps, 'update')}" for stage in record.stages)
        say(f"{record.status}: {run}" + (f" ({steps})" if steps else ""))


def _print_results(
    records: list[RunRecord],
    store: LocalStore,
    expected: tuple[ExpectedScore, ...],
    group_by: str | None,
    *,
    json: bool,
) -> None:
    designs = read_designs(store, records)
    damage = StoreDamage(files=store.damaged_beside(records), designs=designs.lost)
    frame = Frame.from_records(records, declared=designs.looks, varied=designs.axes, damage=damage)
    report = build_report(frame, store)
    if group_by is not None:
        report = with_groups(report, group_by)
    if json:
        print_json(as_json(report))
        return
    console = TextConsole(highlight=False)
    console.print(as_rich(report.table))
    for part in rich_groups(report):
        console.print(part)
    for sentence in answer_lines(report):
        console.print(shown(sentence))
    for sentence in expected_lines(expected, report.table) if expected else ():
        console.print(shown(sentence))


def announce(runs: list[Run], cache: RunDataCache) -> None:
    """Say what is about to run and on what, on stderr."""
    console = TextConsole(file=sys.stderr, highlight=False, soft_wrap=True, markup=False)
    for source in dict.fromkeys(run.source for run in runs):
        announce_rows(cache.rows.of(source), console)
        for line in _token_lines(next(run for run in runs if run.source == source), cache):
            console.print(f"  {line}")
        cut = dict.fromkeys(_truncation_line(run, cache) for run in _at_each_value(runs, source))
        for line in filter(None, cut):
            console.print(f"  {line}")
    for line in dict.fromkeys(_setting_line(run, cache) for run in runs):
        console.print(line)
    if (on_devices := device_line(launched(), runs[0].experiment.training.device)) is not None:
        console.print(f"  {on_devices}")
    for line in filter(None, dict.fromkeys(_head_line(run, cache) for run in runs)):
        console.print(f"  {line}")
    training = runs[0].experiment.training
    if training.privacy is not None:
        budget = training.privacy
        console.print(
            f"private training ({budget.stages} stages), at most epsilon {budget.epsilon:g} at delta {budget.delta:g} "
            "for every run"
        )
    for run in {run.experiment.digest: run for run in runs}.values():
        stages = " + ".join(
            f"{stage.name} {plural(stage.num_steps, 'update')} at {stage.optimizer.learning_rate:g}"
            if stage.num_steps
            else stage.name
            for stage in run.experiment.plan
        )
        console.print(f"  {run.experiment.task} {run.label}: {stages}")


def announce_rows(data: TaskData, console: Console) -> None:
    """Say which rows a call is about."""
    sizes = ", ".join(f"{name} {len(split)}" for name, split in data.splits.items())
    classes = f", {data.task.num_labels} classes" if data.task.kind.has_classes else ""
    console.print(f"{data.task.name}: {sizes} rows; {data.task.kind}{classes}")
    for note in data.notes:
        console.print(f"  {in_flags(note)}")


def _token_lines(run: Run, cache: RunDataCache) -> list[str]:
    """Say what the model's tokenizer does not read as it is written."""
    data = RunData.of(run, cache)
    if data.task.modality.is_file:
        return []
    unknown = count_unknown(data.tokens("train"), data.train, data.tokenizer)
    return [in_flags(note) for note in token_notes(unknown, data.train, data.tokenizer)]


def _at_each_value(runs: list[Run], source: TaskSource) -> list[Run]:
    """Return one run of these rows for each value of the axis that varies."""
    return list({str(run.varied): run for run in reversed(runs) if run.source == source}.values())[::-1]


def _head_line(run: Run, cache: RunDataCache) -> str:
    """Say what becomes of the checkpoint's own head, where it has one: dropped, or which class is which."""
    names = trained_head(RunData.of(run, cache).model)
    if names is None:
        return ""
    task = cache.rows.of(run.source).task
    if run.experiment.keep_head:
        return pairing_note(names, task.labels) if task.kind.has_classes else ""
    shown = ", ".join(names[:SHOWN_CLASSES]) + (", ..." if len(names) > SHOWN_CLASSES else "")
    return (
        f"the head that {run.experiment.model} brings ({shown}) is dropped and a fresh one is drawn; --keep-head keeps "
        "it where the classes are the same"
    )


def _setting_line(run: Run, cache: RunDataCache) -> str:
    experiment, training = run.experiment, run.experiment.training
    return (
        f"{experiment.model} with the head {experiment.head}: {training.precision}, {training.attention} attention, on "
        f"{training.device}; batches of {training.batch_size}{_accumulated(experiment)}{_length(run, cache)}"
    )


def _length(run: Run, cache: RunDataCache) -> str:
    """Say how much is read of a row; nothing of images, which are read whole."""
    data = RunData.of(run, cache)
    if data.task.modality is Modality.TEXT:
        return f", at most {run.experiment.training.max_length} tokens"
    seconds = data.most_seconds
    return "" if math.isinf(seconds) else f", {seconds:.3g} seconds of each sound"


def _accumulated(experiment: Experiment) -> str:
    """Say how many batches an update has, where that is not one everywhere."""
    stages = [stage for stage in experiment.plan if stage.num_steps]
    numbers = {stage.name: accumulated_batches(stage.kind, experiment.training.overrides) for stage in stages}
    if set(numbers.values()) <= {1}:
        return ""
    if len(set(numbers.values())) == 1:
        return f", {numbers[stages[0].name]} to an update"
    return "".join(f", {number} to an update of {name}" for name, number in numbers.items())


def _truncation_line(run: Run, cache: RunDataCache) -> str:
    tokens = RunData.of(run, cache).tokens("train")
    if not tokens.num_truncated:
        return ""
    if math.isfinite(seconds := RunData.of(run, cache).most_seconds):
        return (
            f"{tokens.num_truncated} of {len(tokens)} training rows are longer than {seconds:.3g} seconds and are cut; "
            "--clip-seconds changes that"
        )
    return (
        f"{tokens.num_truncated} of {len(tokens)} training rows are longer than "
        f"{run.experiment.training.max_length} tokens and {_cut(run)}; --max-length and --long change that"
    )


def _cut(run: Run) -> str:
    ways = {"window": "are read in windows", "head_tail": "lose their middle"}
    return ways.get(run.experiment.training.truncation, "are cut")


def _exit_on_errors(records: list[RunRecord]) -> None:
    errors = [record for record in records if record.status is RunStatus.ERROR]
    for record in errors:
        say(f"failed: {record.task} {record.label} seed {record.seed}: {error_in_flags(record.error)}", file=sys.stderr)
    if errors:
        say(f"{len(errors)} of {len(records)} runs failed; the same command tries them again", file=sys.stderr)
        raise typer.Exit(1)
