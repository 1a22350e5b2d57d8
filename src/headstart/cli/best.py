"""Search for the best model and say what was tried and what came out."""

from __future__ import annotations

import hashlib
import json as json_module
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import typer

from headstart.artifacts.working_store import (
    record_of_the_end,
    remove_working_store,
    require_free,
    say_all_is_written,
    working_store,
    written_before,
)
from headstart.cli.comparing import announce_rows
from headstart.cli.console import TextConsole
from headstart.cli.display import sweep_display
from headstart.cli.fitting import print_result
from headstart.cli.flags import error_in_flags, in_flags
from headstart.cli.interruption import says_what_is_kept
from headstart.cli.launching import trials_line
from headstart.cli.plain_text import say
from headstart.comparison.formats import plural
from headstart.errors import UsageError
from headstart.experiments.experiment import Run, TaskSource
from headstart.experiments.options import DecisionOptions, Options
from headstart.experiments.run_data import RunDataCache
from headstart.hardware import resolve_device
from headstart.reports.fit.facts import FitFacts
from headstart.reports.fit.html import write_fit_report
from headstart.reports.fit.suspects import why_unjudged, write_suspects
from headstart.reports.race import race_table
from headstart.search.best_folder import write_best
from headstart.search.clock import Clock
from headstart.search.executors import executor_of_search, trial_workers
from headstart.search.facts import facts_of
from headstart.search.find_best import Best, Search
from headstart.search.options import SearchOptions
from headstart.search.trials import Trials
from headstart.store.json_records import dump
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.sweeps.executor import SweepListener
from headstart.sweeps.fitting import way_on
from headstart.sweeps.row_groups import read_groups
from headstart.sweeps.thresholds import require_tunable
from headstart.temporary import path_beside

REPORT_SUFFIX = ".report.html"


def run_search(
    options: Options,
    asked: SearchOptions,
    clock: Clock,
    source: TaskSource,
    seed: int,
    out: Path,
    cache: RunDataCache,
    *,
    deciding: DecisionOptions,
    group_by: str | None,
    jobs: int,
    suspects: Path | None,
    spreadsheet_safe: bool,
    quiet: bool,
    json: bool,
) -> None:
    """Find the best model, write the folder, print what was tried and the scores; `clock` runs since the call began.

    Raises:
        UsageError: for anything that cannot work, before training.
        typer.Exit: with code 1 when the last training failed.
    """
    require_free(out)
    page, store, silent = path_beside(out, REPORT_SUFFIX), LocalStore(working_store(out)), quiet or json
    if suspects is not None:
        _require_own_place(suspects, source, out, page)
    words = (options, asked, source, seed, suspects, spreadsheet_safe, deciding, group_by)
    call = hashlib.sha256(repr(words).encode()).hexdigest()
    if (record := record_of_the_end(out, call)) is not None:
        remove_working_store(store.root)
        _print_end(record, out, [f"report: {page}"], quiet=quiet, json=json)
        return
    trials = Trials(options, source, cache, seed, cache.rows.cuts_validation_off(source))
    groups = None if group_by is None else read_groups(source, group_by)
    if deciding.tune_thresholds:
        require_tunable(trials.data.task, is_private=False, has_held_out=True)
    if not silent:
        _announce(trials, out, store, jobs)
    with says_what_is_kept(store.root):
        search, best = _found(trials, store, clock, only_native=asked.plain_folder, jobs=jobs, silent=silent)
        first = best.records[0]
        before = written_before(out, first.experiment_digest, first.seed, has_thresholds=deciding.tune_thresholds)
        record = before or write_best(search, best, out, tunes_thresholds=deciding.tune_thresholds)
        facts = facts_of(search, best, record, out, groups=groups)
        write_fit_report(facts, page)
        beside = [f"report: {page}"]
        if suspects is not None:
            beside += _write_suspects(facts, suspects, spreadsheet_safe=spreadsheet_safe)
        say_all_is_written(store.root, call)
        remove_working_store(store.root)
    if not json:
        TextConsole(highlight=False).print(race_table(best.race))
        say(best.race.reason)
    _print_end(record, out, beside, quiet=quiet, json=json)


def _announce(trials: Trials, out: Path, store: LocalStore, jobs: int) -> None:
    announce_rows(trials.data, TextConsole(file=sys.stderr, highlight=False, soft_wrap=True, markup=False))
    say(f"writes {out}; until it is done, what is finished of it lies in {store.root}", file=sys.stderr)
    if (on_devices := trials_line(resolve_device(trials.asked.training.device), jobs)) is not None:
        say(on_devices, file=sys.stderr)


def _found(
    trials: Trials, store: LocalStore, clock: Clock, *, only_native: bool, jobs: int, silent: bool
) -> tuple[Search, Best]:
    """Return the search, and what it found.

    Raises:
        typer.Exit: with code 1 when the last training failed.
    """

    def announce(sentence: str) -> None:
        if not silent:
            say(sentence, file=sys.stderr)

    def display(runs: Sequence[Run]) -> AbstractContextManager[SweepListener]:
        return sweep_display(runs, quiet=silent, is_settled=False)

    training = trials.asked.training
    with trial_workers(jobs, training.device) as workers:
        search = Search(
            trials=trials,
            store=store,
            clock=clock,
            executor_for=executor_of_search(training, store, trials.cache, display, workers),
            say=announce,
            asked_head=trials.asked.model.head,
            only_native=only_native,
            jobs=jobs,
        )
        best = search.find()
    if best.failed is not None:
        say(f"headstart: {best.result.taken.name} ended as {best.failed.status}", file=sys.stderr)
        say(error_in_flags(best.failed.error), file=sys.stderr)
        say(in_flags(way_on(best.failed, store.root)), file=sys.stderr)
        raise typer.Exit(1)
    return search, best


def _write_suspects(facts: FitFacts, path: Path, *, spreadsheet_safe: bool) -> list[str]:
    """Write the rows whose label looks wrong; return what the end of the call says of them."""
    if unjudged := why_unjudged(facts):
        say(f"headstart: {path} was not written: labels were not judged, since {unjudged}", file=sys.stderr)
        return []
    number = write_suspects(facts, path, spreadsheet_safe=spreadsheet_safe)
    return [f"{plural(number, 'row')} whose label looks wrong: {path}"]


def _require_own_place(suspects: Path, source: TaskSource, out: Path, page: Path) -> None:
    """Refuse a file of suspects that would replace what the call reads or writes.

    Raises:
        UsageError: naming it.
    """
    sources = (source, *source.evaluate_on)
    read = [name for each in sources for name in (each.file, each.options.validation, each.options.label_file) if name]
    place = suspects.resolve()
    taken = {page.resolve(): "the page of the report"} | {Path(name).resolve(): "a file of the rows" for name in read}
    if place.is_dir():
        what = "a folder"
    elif {out.resolve(), working_store(out).resolve()} & {place, *place.parents}:
        what = "in a folder that the call writes"
    else:
        what = taken.get(place, "")
    if what:
        raise UsageError(f"`suspects` was given as {suspects}, which is {what}", remedy="  Name another file.")


def _print_end(record: RunRecord, out: Path, beside: Sequence[str], *, quiet: bool, json: bool) -> None:
    if json:
        print(json_module.dumps(dump(record), indent=2))
    else:
        print_result(record, out, quiet=quiet, beside=beside)
