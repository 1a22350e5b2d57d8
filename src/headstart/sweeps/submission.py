"""A leaderboard's archive from a store: one finished run per task answers the test rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.data.loading import load_task
from headstart.errors import UsageError, UsageErrors, for_each
from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.hardware import resolve_device
from headstart.inference.precision import prediction_precision
from headstart.inference.predict import predict
from headstart.inference.saved import load_saved_model
from headstart.inference.submissions import (
    HiddenRows,
    SubmissionFile,
    Suite,
    answers_of,
    best_constant,
    read_hidden_rows,
    write_archive,
)
from headstart.registry import Spec
from headstart.store.local import LocalStore
from headstart.store.record import Purpose, RunRecord, RunStatus
from headstart.sweeps.executor import Executor
from headstart.sweeps.export import export_run
from headstart.sweeps.stored_runs import find_run
from headstart.temporary import temporary_folder

FILL_REMEDY = "  Train models for them, or give `fill_missing` for the best constant answer to the training rows."
CHOICE_REMEDY = "  Name one with `strategy`, `adapter` or `run` <digest>/<seed>."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChoice:
    """Which of a store's runs answer. Scores do not count; where no seed is named, the lowest is taken.

    Attributes:
        strategy: with its options; None where only one experiment of a task is there.
        adapter: with its options; None where only one experiment of a task is there.
        seed: None takes the lowest that finished.
        runs: names `<digest>/<seed>` that are taken for their tasks, whatever else is said.
    """

    strategy: Spec | None = None
    adapter: Spec | None = None
    seed: int | None = None
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file and who answers it.

    Attributes:
        run: None where the best constant answer to the training rows fills the file.
        rows: what is asked.
        constant: that answer.
    """

    file: SubmissionFile
    run: Run | None
    rows: HiddenRows
    constant: float = 0.0

    def text(self, decisions: Sequence[float]) -> str:
        """Return the file's content from one decision per row."""
        return self.file.write(self.rows.indices, answers_of(self.file, decisions))

    def __str__(self) -> str:
        if self.run is None:
            return f"{self.file.name}: no model; always {answers_of(self.file, [self.constant])[0]}"
        experiment = self.run.experiment
        return f"{self.file.name}: {experiment.task} {experiment.label}, {experiment.digest[:12]}/{self.run.seed}"


def choose_runs(store: LocalStore, suite: Suite, choice: RunChoice) -> dict[str, Run]:
    """Return the run that answers each file, by the file's name; a file without one is not in it.

    Raises:
        UsageErrors: if several experiments fit one file, or a named run fits none, is not finished or fits twice.
    """
    named = [(name, find_run(store, name)) for name in choice.runs]
    records = [record for record in store.records() if record.purpose is Purpose.REPORT and _fits(record, choice)]
    errors: list[UsageError] = []
    chosen: dict[str, Run] = {}
    for file in suite.files:
        tasks = [task for task, _ in file.answered_by]
        try:
            run = _named_run(named, tasks, store) or _only_run(records, tasks, store)
        except UsageError as error:
            errors.append(error)
            continue
        if run is not None:
            chosen[file.name] = run
    asked = {task for file in suite.files for task, _ in file.answered_by}
    errors += [
        UsageError(f"`run` {name} is of {run.experiment.task}, which the suite does not ask for")
        for name, run in named
        if run.experiment.task not in asked
    ]
    if errors:
        raise UsageErrors(list({str(error): error for error in errors}.values()))
    return chosen


def plan_submission(
    store: LocalStore, suite: Suite, choice: RunChoice, *, data_root: Path | None, fill_missing: bool
) -> list[Part]:
    """Return what goes into the archive; every fault shows here, before any model is loaded.

    Args:
        store: holds the runs that the suite's files are answered from.
        suite: names the files.
        choice: which of the runs answer.
        data_root: where test rows are; None takes the folder of each run's training rows.
        fill_missing: fill files without a run with the best constant answer to the training rows.

    Raises:
        UsageErrors: if files have no run and are not to be filled, or test rows are missing, faulty or too few.
    """
    chosen = choose_runs(store, suite, choice)
    missing = [file for file in suite.files if file.name not in chosen]
    if missing and not fill_missing:
        wanted = (f"{file.name} ({' or '.join(task for task, _ in file.answered_by)})" for file in missing)
        raise UsageError(f"no finished run for: {', '.join(wanted)}", remedy=FILL_REMEDY)
    if fill_missing and not missing:
        raise UsageError("`fill_missing` would have no effect: every file has a run", remedy="  Leave it out.")
    return for_each(suite.files, lambda file: _part(file, chosen.get(file.name), data_root))


def write_submission(
    parts: Iterable[Part],
    store: LocalStore,
    out: Path,
    executor: Executor,
    cache: RunDataCache,
    *,
    batch_size: int | None = None,
    precision: str = "fp32",
    announce: Callable[[Part], None] = lambda part: None,
) -> None:
    """Answer all test rows and write the archive, whole or not at all.

    The executor does runs again, bit for bit, whose weights were not kept. `precision` is as in `prediction_precision`,
    and `announce` is called with each part before its rows are answered.

    Raises:
        MachineError: if the disk is full or the folder may not be written.
    """
    texts: dict[str, str] = {}
    by_run: dict[str, list[Part]] = {}
    for part in parts:
        texts[part.file.name] = ""
        by_run.setdefault("" if part.run is None else f"{part.run.experiment.digest}/{part.run.seed}", []).append(part)
    for part in by_run.pop("", []):
        texts[part.file.name] = part.text([part.constant] * len(part.rows.split))
    for same_run in by_run.values():
        run = same_run[0].run
        assert run is not None
        with temporary_folder(Path(tempfile.gettempdir()) / "headstart") as folder:
            export_run(RunData.of(run, cache), store, folder / "model", executor)
            saved = load_saved_model(folder / "model")
            computed = prediction_precision(precision, saved.info, resolve_device())
            for part in same_run:
                announce(part)
                answered = predict(saved, part.rows.split, batch_size=batch_size, precision=computed.name)
                texts[part.file.name] = part.text(answered.decisions.tolist())
    write_archive(out, texts)


def _fits(record: RunRecord, choice: RunChoice) -> bool:
    adapter = Spec.parse(record.adapter) if record.adapter else None
    return (
        record.status is RunStatus.FINISHED
        and choice.strategy in (None, Spec.parse(record.strategy))
        and choice.adapter in (None, adapter)
        and choice.seed in (None, record.seed)
    )


def _named_run(named: list[tuple[str, Run]], tasks: list[str], store: LocalStore) -> Run | None:
    fitting = [(name, run) for name, run in named if run.experiment.task in tasks]
    if len(fitting) > 1:
        raise UsageError(f"`run` names two for {' or '.join(tasks)}: {', '.join(name for name, _ in fitting)}")
    for name, run in fitting:
        if not store.is_finished(*run.key):
            raise UsageError(f"the run {name} is not finished in {store.root}")
        return run
    return None


def _only_run(records: list[RunRecord], tasks: list[str], store: LocalStore) -> Run | None:
    fitting = sorted((record for record in records if record.task in tasks), key=lambda record: record.seed)
    experiments = {record.experiment_digest: f"{record.experiment_digest[:12]} {record.label}" for record in fitting}
    if len(experiments) > 1:
        raise UsageError(
            f"{len(experiments)} experiments fit {' or '.join(tasks)}",
            allowed=f"  There are: {', '.join(sorted(experiments.values()))}.",
            remedy=CHOICE_REMEDY,
        )
    return find_run(store, f"{fitting[0].experiment_digest}/{fitting[0].seed}") if fitting else None


def _part(file: SubmissionFile, run: Run | None, data_root: Path | None) -> Part:
    if run is not None:
        own_root = Path(run.source.data_root) if run.source.data_root else None
        rows = read_hidden_rows(file.asked(run.experiment.task), data_root or own_root)
        return Part(file=file, run=run, rows=rows)
    model_task, asked = file.answered_by[0]
    rows = read_hidden_rows(asked, data_root)
    data = load_task(model_task, data_root=data_root, splits=("train",))
    return Part(file=file, run=None, rows=rows, constant=best_constant(data.task, data.training))
