"""A user's file in, predictions or metrics out."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from headstart.artifacts.model_info import ONNX, read_info
from headstart.atomic_files import atomic_path
from headstart.data.loading import load_task
from headstart.data.user_rows import read_labelled
from headstart.errors import CheckpointError, UsageError
from headstart.executor_options import IN_THIS_PROCESS, ExecutorOptions
from headstart.inference.answerers import open_answerer
from headstart.inference.answering import Answers
from headstart.inference.evaluate import Scores, evaluate
from headstart.inference.forward import Progress
from headstart.inference.identity import InputState, folder_digest, input_digest, library_versions
from headstart.inference.other_tasks import relabelled, require_same_answers
from headstart.inference.partial_answers import AnswerKey, PartialFolder, partial_folder, remove_if_done
from headstart.inference.precision import computed_by
from headstart.inference.prediction_columns import (
    EVERY_PROBABILITY,
    WantedColumns,
    prediction_schema,
)
from headstart.inference.rows import Checked, Rows, as_in_file, as_model_read, check_rows, row_check, with_columns
from headstart.inference.saved import load_saved_model
from headstart.inference.table_writing import (
    as_schema,
    format_suffix,
    require_cells,
    require_new_columns,
    require_writable,
    table_writer,
)
from headstart.machine import writing
from headstart.tables.file_options import AS_GUESSED, FileOptions
from headstart.tables.paths import located
from headstart.tasks.catalogue import TASKS

CHUNK_ROWS = 1_000
"""Rows in memory at a time, and what a kill costs at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The result of a prediction.

    Attributes:
        num_rows: of the output.
        num_resumed: rows answered by an earlier call that was cut off.
        num_truncated: rows that lost tokens to the maximum length.
        num_without_label: rows that got no label, where a row may get any number of them.
        num_incomplete: rows that lack a text: their new columns are empty.
        precision: "fp32" or "bf16"; "onnx" for a network for onnxruntime.
        notes: sentences that say what was recognised or decided.
    """

    num_rows: int
    num_resumed: int
    num_truncated: int
    num_without_label: int
    num_incomplete: int
    precision: str
    notes: tuple[str, ...]


def predict_file(
    folder: Path,
    file: str,
    out: Path,
    *,
    options: FileOptions = AS_GUESSED,
    reads_anew: bool = False,
    wanted: WantedColumns = EVERY_PROBABILITY,
    spreadsheet_safe: bool = False,
    batch_size: int | None = None,
    precision: str = "auto",
    device: str | None = None,
    progress: Progress | None = None,
    chunk_rows: int = CHUNK_ROWS,
    executing: ExecutorOptions = IN_THIS_PROCESS,
) -> Written:
    """Write the user's rows, in their order, with the model's answers after their columns.

    A row that lacks a text keeps its place, and its new columns are empty. Memory does not grow with the number of
    rows. Everything that can be wrong is looked for before the model is loaded, and the file is written whole or not at
    all. What a killed call finished lies in `<out>.partial`; the same call again goes on from there and gives the same
    bytes.

    Args:
        folder: a saved model.
        file: a table, as `scan_table` reads it.
        out: a table, by its suffix; must not exist.
        options: how the file is read; columns that are not named are those that the model was trained on.
        reads_anew: whether what `options` do not say is guessed, and not taken from how the model's table was read.
        wanted: the new columns.
        spreadsheet_safe: whether cells of CSV and TSV that a spreadsheet would take for a formula become text.
        batch_size: as `predict` takes it.
        precision: "fp32", "bf16" or "auto": see `computed_by`.
        device: "cpu" or "cuda"; None takes a GPU where there is one.
        progress: called after each batch with rows done and rows in all.
        chunk_rows: rows in memory at a time, in each process.
        executing: how many processes answer at once, and where.

    Raises:
        UsageError: if the folder does not hold a model, the output cannot be written, a new column's name is taken, the
            machines that are asked for are not there, or a call with other rows or options left an unfinished output of
            this name.
        MachineError: if a process dies; what is finished is kept.
        DataError: if rows cannot be read; all faults at once.
    """
    remove_if_done(out)
    require_writable(out)
    if spreadsheet_safe:
        require_cells(out)
    file = located(file)
    kind, info = read_info(folder)
    task = with_columns(as_in_file(info.task, file), options)
    wanted.require_sense(task)
    device, computed = computed_by(kind, info, precision, device)
    options, remembered = (options, "") if reads_anew else as_model_read(info, file, task, options)
    options = replace(options, modality=task.modality)
    rows = Rows(file=file, options=options, task=task, state=InputState.of(file), chunk_rows=chunk_rows)
    checked = check_rows(rows, row_check(folder, info))
    added = prediction_schema(task, wanted, checked.num_choices)
    require_new_columns(checked.schema.names, added.names)
    # Answers that are kept have no prefix and are no cells yet: a call may go on with other ones.
    kept = replace(wanted, prefix="")
    key = AnswerKey(
        input=input_digest(file) + checked.files_digest,
        model=folder_digest(folder),
        columns=repr((options, task.text_columns, task.choice_columns, kept)),
        batch_size=batch_size,
        precision=computed.name,
        device=device,
        chunk_rows=chunk_rows,
        versions=library_versions(kind),
    )
    if kind == ONNX:
        _require_here(executing)
    with open_answerer(executing, device) as answer, partial_folder(out, key) as partial:
        answers = Answers(folder=folder, rows=rows, checked=checked, wanted=kept, key=key, partial=partial)
        num_resumed = answer(answers, progress)
        num_truncated, num_without_label = _write(rows, checked, partial, added, out, spreadsheet_safe=spreadsheet_safe)
    return Written(
        num_rows=checked.num_rows,
        num_resumed=num_resumed,
        num_truncated=num_truncated,
        num_without_label=num_without_label,
        num_incomplete=checked.num_incomplete,
        precision=computed.name,
        notes=tuple(note for note in (remembered, *checked.notes, computed.reason) if note),
    )


def evaluate_file(
    folder: Path,
    file: str,
    *,
    options: FileOptions = AS_GUESSED,
    reads_anew: bool = False,
    group_by: str | None = None,
    batch_size: int | None = None,
    precision: str = "auto",
    device: str | None = None,
    progress: Progress | None = None,
) -> Scores:
    """Return the metrics of a saved model's task on a labelled file, whose labels are among the model's classes.

    Columns that `options` do not name are those that the model was trained on. With a column of splits the test rows
    are scored; without labelled ones among these, the validation rows. The rows are answered as by `evaluate`, and
    `device`, `precision` and `reads_anew` are as in `predict_file`. `group_by` is a column of groups to score apart.

    Raises:
        UsageError: if the folder does not hold a model, or `group_by` would have no effect or stands beside `weight`.
        DataError: if rows cannot be read or a label is unknown; all faults at once.
    """
    if group_by is not None and options.weight is not None:
        raise UsageError("`group_by` does not go with `weight`: groups are scored with equal rows")
    file = located(file)
    kind, info = read_info(folder)
    task = with_columns(as_in_file(info.task, file), options)
    device, computed = computed_by(kind, info, precision, device)
    options, remembered = (options, "") if reads_anew else as_model_read(info, file, task, options, labelled=True)
    labelled = read_labelled(file, task, options, group_by=group_by)
    found = evaluate(
        load_saved_model(folder),
        labelled.split,
        groups=labelled.groups,
        batch_size=batch_size,
        precision=computed.name,
        device=device,
        progress=progress,
    )
    return replace(found, notes=tuple(note for note in (remembered, *labelled.notes, computed.reason) if note))


def evaluate_task(
    folder: Path,
    name: str,
    *,
    data_root: Path | None = None,
    batch_size: int | None = None,
    precision: str = "auto",
    device: str | None = None,
    progress: Progress | None = None,
) -> Scores:
    """Return a task's metrics on its evaluation split, for a model that was trained on another task or on a file.

    The task called `name` has the model's kind of answer and the same class names, in any order. `data_root` is as in
    `load_task`, `device` and `precision` are as in `predict_file`, and the rows are answered as by `evaluate`.

    Raises:
        UsageError: if the folder does not hold a model, the task is unknown or has other answers, or its rows cannot be
            found.
        DataError: if rows are faulty.
    """
    kind, info = read_info(folder)
    own, task = info.task, TASKS.get(name)
    require_same_answers(own, task)
    device, computed = computed_by(kind, info, precision, device)
    data = load_task(name, data_root=data_root, splits=(task.evaluation_split,))
    found = evaluate(
        load_saved_model(folder),
        relabelled(data.evaluation, task, own),
        metric_names=task.metrics,
        batch_size=batch_size,
        precision=computed.name,
        device=device,
        progress=progress,
    )
    return replace(found, notes=(computed.reason,) if computed.reason else ())


def _require_here(executing: ExecutorOptions) -> None:
    """Refuse a cluster for a network for onnxruntime, which is read from its folder by each process."""
    if executing.executor == "ray":
        raise UsageError(
            "`executor` ray does not go with a folder for onnxruntime, which other machines do not see",
            remedy="  Give `jobs` for several processes here, or the model folder that it was exported from.",
        )


def _write(
    rows: Rows, checked: Checked, partial: PartialFolder, added: pa.Schema, out: Path, *, spreadsheet_safe: bool
) -> tuple[int, int]:
    """Write all rows with their answers; return how many were truncated, and how many got no label."""
    num_truncated = num_without_label = 0
    whole = partial.whole(format_suffix(out) or "")
    schema = pa.schema([*checked.schema, *added], metadata=checked.schema.metadata)
    with (
        atomic_path(whole) as temporary,
        table_writer(temporary, schema, spreadsheet_safe=spreadsheet_safe) as write,
    ):
        for number, read in enumerate(rows.chunks()):
            piece = partial.read(number, read.columns.num_rows)
            if piece is None:
                raise CheckpointError(f"finished answers have disappeared from {partial.folder}")
            columns = as_schema(read.columns, checked.schema).columns
            write(pa.table([*columns, *piece.columns.columns], schema=schema))
            num_truncated += piece.num_truncated
            num_without_label += piece.num_without_label
    require_writable(out)
    with writing(out):
        partial.say_done()
        os.replace(whole, out)
    return num_truncated, num_without_label
