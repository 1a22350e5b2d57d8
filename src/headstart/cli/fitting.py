"""Run a fit and say what came out."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from headstart.artifacts.model_info import read_info
from headstart.artifacts.working_store import working_store
from headstart.cli.comparing import announce
from headstart.cli.console import TextConsole
from headstart.cli.display import sweep_display
from headstart.cli.flags import error_in_flags, in_flags
from headstart.cli.interruption import says_what_is_kept
from headstart.cli.launching import check_fit
from headstart.cli.output import next_line, rows_text
from headstart.cli.plain_text import say
from headstart.cli.scores import constant_text, scores_text
from headstart.cli.training_plan import plan_line
from headstart.comparison.formats import duration, plural
from headstart.experiments.experiment import TaskSource
from headstart.experiments.options import DecisionOptions, Options
from headstart.experiments.planning import run_options
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.launcher import launched
from headstart.search.outcome import require_no_search
from headstart.store.json_records import dump
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus
from headstart.sweeps.fitting import fit_model, plan_fit, way_on
from headstart.sweeps.serial import SerialExecutor

SAME_ANSWERS = "every answer to {} is the same, or as good as the same: the score says nothing about the model"


def run_fit(
    options: Options,
    source: TaskSource,
    seed: int,
    out: Path,
    cache: RunDataCache,
    *,
    deciding: DecisionOptions,
    adapter_out: Path | None = None,
    diagnostics: bool,
    quiet: bool,
    json: bool,
) -> None:
    """Check, train, write the folder, print the scores.

    Raises:
        UsageError: for anything that cannot work, before training.
        typer.Exit: with code 1 when the run failed.
    """
    silent = quiet or json
    require_no_search(working_store(out))
    run = plan_fit(
        options, source, seed, out, cache, adapter_out=adapter_out, tunes_thresholds=deciding.tune_thresholds
    )
    check_fit(launched(), run.experiment, diagnostics=diagnostics)
    may = run_options(
        options.training, run.experiment.plan, keep_backbone=True, diagnostics=diagnostics, evaluates_each_stage=False
    )
    if not silent:
        announce([run], cache)
        say(plan_line([run], cache), file=sys.stderr)
        say(f"writes {out}; until it is done, what is finished of it lies in {working_store(out)}", file=sys.stderr)
    with says_what_is_kept(working_store(out)), sweep_display([run], quiet=silent) as listener:
        store = LocalStore(working_store(out))
        executor = SerialExecutor(store, may, listener, cache)
        record = fit_model(
            RunData.of(run, cache),
            store,
            out,
            executor,
            adapter_out=adapter_out,
            tunes_thresholds=deciding.tune_thresholds,
        )
    if json:
        print(json_module.dumps(dump(record), indent=2))
    if record.status is not RunStatus.FINISHED:
        say(f"headstart: the run ended as {record.status}: {error_in_flags(record.error)}", file=sys.stderr)
        say(in_flags(way_on(record, working_store(out))), file=sys.stderr)
        raise typer.Exit(1)
    if not json:
        print_result(record, out, quiet=quiet, beside=[f"adapter: {adapter_out}"] if adapter_out else [])


def print_result(record: RunRecord, out: Path, *, quiet: bool, beside: Sequence[str] = ()) -> None:
    """Print the scores of a fit, what has to be known about them, lines on what lies `beside`, and what to do next."""
    console = TextConsole(highlight=False, soft_wrap=True, markup=False)
    for stage in record.stages:
        scores = f": {scores_text(stage.scores)}" if stage.scores else ""
        updates = f"{plural(stage.num_steps, 'update')} in " if stage.num_steps else ""
        console.print(f"after {stage.name} ({updates}{duration(stage.seconds)}){scores}")
    constants = record.constant_scores or {record.metric: record.constant_score}
    # A stage says its own score; where the model was trained once more on all rows, none of its stages has one, and
    # tuned thresholds make another one.
    is_said = any(stage.scores == record.scores for stage in record.stages)
    scores = f": {scores_text(record.scores)}" if record.scores and not is_said else ""
    console.print(
        f"on {rows_text(record.num_evaluation_examples)} of {record.reported_split}{scores}; {constant_text(constants)}"
    )
    for other in (*record.others, *([record.test] if record.test else [])):
        console.print(
            f"on {rows_text(other.num_examples)} of {other.name}: {scores_text(other.scores)}; "
            f"{constant_text(other.constant_scores)}"
        )
        if other.is_degenerate:
            console.print(f"warning: {SAME_ANSWERS.format(other.name)}")
    _, info = read_info(out)
    if info.temperature is not None:
        console.print(f"temperature of the probabilities: {info.temperature}")
    if info.thresholds is not None:
        console.print(f"thresholds: {info.thresholds.listed(info.task.labels)}; {info.thresholds}")
    if record.privacy is not None:
        console.print(str(record.privacy))
    for warning in record.warnings:
        console.print(f"warning: {warning}")
    console.print(f"model: {out}")
    if (out / "adapter.json").exists():
        console.print(
            f"This adapter cannot be merged: {out} holds it and the head; {record.model} is loaded with it from where "
            "it is."
        )
    for line in beside:
        console.print(line)
    if not quiet:
        console.print(next_line("headstart", "predict", out, "FILE", "--out", "predictions.csv"))
