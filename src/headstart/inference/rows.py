"""A user's rows, read again in every pass, and the pass that checks them all before a model is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from headstart.artifacts.model_info import ModelInfo
from headstart.artifacts.saved_model import folder_limits, load_folder_tokenizer
from headstart.data.examples import Split
from headstart.data.media_rows import with_checked_files
from headstart.data.token_checks import can_be_unreadable, check_tokens
from headstart.data.tokenisation import tokenize
from headstart.data.user_rows import UnlabelledRows, said_by, unlabelled_chunk
from headstart.errors import DataError, DataFault, UsageError
from headstart.inference.identity import InputState
from headstart.inference.table_writing import joint_schema
from headstart.manifest import bytes_checksum
from headstart.media.modality import Modality, may_hold_media
from headstart.models.input_limits import InputLimits
from headstart.tables.file_options import AS_GUESSED, FileOptions
from headstart.tables.media_folders import FILE, LABEL
from headstart.tables.paths import local_path
from headstart.tables.reading import scan_table
from headstart.tables.table import Table
from headstart.tasks.task import Task

MAX_FAULTS = 1000
"""Reading stops here: a wrong file of ten million rows has ten million faults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Where rows come from and what is read in them.

    Attributes:
        file: a path, or what else `scan_table` reads.
        options: how it is read.
        task: says which columns are texts and choices.
        state: of the file when the first pass began.
        chunk_rows: rows that are in memory at a time.
    """

    file: str
    options: FileOptions
    task: Task
    state: InputState
    chunk_rows: int

    def tables(self) -> Iterator[Table]:
        """Return the rows piece by piece.

        Raises:
            DataError: if the file is changed meanwhile.
        """
        for table in scan_table(self.file, self.options, chunk_rows=self.chunk_rows):
            self.state.require_unchanged()
            yield table
        self.state.require_unchanged()

    def chunks(self) -> Iterator[UnlabelledRows]:
        """Return the rows piece by piece: all columns, and the examples of the complete ones.

        Raises:
            DataError: with all faults of a piece, or if the file is changed meanwhile.
        """
        for table in self.tables():
            yield unlabelled_chunk(table, self.task)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the checking pass found.

    Attributes:
        num_rows: of the file.
        num_incomplete: rows that lack a text, and get no answer.
        num_choices: of the example that has the most, for multiple choice; otherwise 0.
        schema: of the columns of all pieces.
        files_digest: of what the files hold that rows name; "" where rows name none.
        notes: sentences that say what was recognised in the file.
    """

    num_rows: int
    num_incomplete: int
    num_choices: int
    schema: pa.Schema
    files_digest: str = ""
    notes: tuple[str, ...] = ()


RowCheck = Callable[[Table, Split], Sequence[str]]
"""Looks at the rows of a piece, all of them complete, and their examples; raises a DataError with those at fault.

Returns the digests of the files that the rows name, where they name some.
"""


def row_check(folder: Path, info: ModelInfo) -> RowCheck | None:
    """Return what has to be looked at in the rows of a model's folder beside their cells; None for nothing.

    Raises:
        UsageError: if the folder's tokenizer cannot be read.
    """
    if info.task.modality.is_file:
        return partial(_check_files, info.task.modality)
    return token_check(info, load_folder_tokenizer(folder), folder_limits(folder))


def token_check(info: ModelInfo, tokenizer: PreTrainedTokenizerBase, limits: InputLimits) -> RowCheck | None:
    """Return what holds texts to what a model reads of their tokens; None where none can be at fault."""
    if not needs_tokens(info, tokenizer, limits):
        return None
    return partial(_check_tokens, info, tokenizer, limits)


def check_rows(rows: Rows, check: RowCheck | None) -> Checked:
    """Read all rows once, and look at them with `check`.

    Raises:
        DataError: with all faults of the file, up to a thousand.
    """
    faults: dict[DataFault, None] = {}
    remedies: dict[str, None] = {}
    notes: dict[str, None] = {}
    dropped = Counter[str]()
    num_rows = num_answered = num_choices = 0
    schema, digests = pa.schema([]), list[str]()
    for table in rows.tables():
        try:
            read = unlabelled_chunk(table, rows.task)
            if check is not None:
                digests += check(table.take(read.complete), read.split)
        except DataError as error:
            faults |= dict.fromkeys(error.faults)
            remedies |= dict.fromkeys([error.remedy] if error.remedy else [])
            if len(faults) >= MAX_FAULTS:
                break
            continue
        notes |= dict.fromkeys(table.notes)
        dropped.update(table.dropped)
        num_rows += read.columns.num_rows
        num_answered += len(read.split)
        num_choices = max(num_choices, max(map(len, read.split.choices or ()), default=0))
        schema = joint_schema(schema, read.columns.schema) if len(schema) else read.columns.schema
    if faults:
        raise DataError(list(faults), remedy="\n".join(remedies))
    if not num_answered:
        raise _nothing_to_answer(rows, num_rows)
    return Checked(
        num_rows=num_rows,
        num_incomplete=num_rows - num_answered,
        num_choices=num_choices,
        schema=schema,
        files_digest=bytes_checksum("".join(digests).encode()) if digests else "",
        notes=said_by(Table(path=Path(rows.file), columns={}, notes=tuple(notes), dropped=dropped)),
    )


def _nothing_to_answer(rows: Rows, num_rows: int) -> DataError:
    columns = ", ".join(map(repr, rows.task.text_columns or rows.task.choice_columns))
    named = " and ".join(f"`{name}`" for name in _column_options(rows.task))
    fault = DataFault(file=rows.file, message=f"none of {num_rows} rows is complete: the columns read are {columns}")
    return DataError([fault], remedy=f"  Name the columns that hold the texts with {named}.")


def _column_options(task: Task) -> tuple[str, ...]:
    return (*("text", "text_pair")[: len(task.text_columns)], *(("choices",) if task.choice_columns else ()))


def needs_tokens(info: ModelInfo, tokenizer: PreTrainedTokenizerBase, limits: InputLimits) -> bool:
    """Return whether rows can be at fault once they are tokens: cut where they must not be, or not to be read."""
    must_not_be_cut = info.task.has_spans or (info.truncation == "window" and len(info.task.text_columns) == 2)
    return must_not_be_cut or can_be_unreadable(tokenizer, limits)


def _check_files(modality: Modality, table: Table, split: Split) -> Sequence[str]:
    faults: list[DataFault] = []
    found = with_checked_files(split, table, modality, faults, range(len(split)))
    if faults:
        raise DataError(faults)
    return [file.digest for file in found.files or ()]


def _check_tokens(
    info: ModelInfo, tokenizer: PreTrainedTokenizerBase, limits: InputLimits, table: Table, split: Split
) -> Sequence[str]:
    try:
        tokens = tokenize(split, tokenizer, max_length=info.max_length, truncation=info.truncation, stride=info.stride)
        check_tokens(tokens, split, tokenizer, limits)
    except DataError as error:
        # Tokens know rows by their number in the split alone.
        places = [table.fault(fault.message, fault.row - 1) for fault in error.faults if fault.row is not None]
        faults = [replace(place, value=fault.value) for place, fault in zip(places, error.faults, strict=True)]
        raise DataError(faults, remedy=error.remedy) from error
    return ()


def as_model_read(
    info: ModelInfo, file: str, task: Task, options: FileOptions = AS_GUESSED, *, labelled: bool = False
) -> tuple[FileOptions, str]:
    """Return the options with how the model's own table was read in place of what they do not say, and a note of it."""
    if info.reading is None:
        return options, ""
    return info.reading.completed(options, file, task.text_columns, labelled=labelled)


def as_in_file(task: Task, file: str) -> Task:
    """Return the task with the columns that a folder of images or sounds has, or a single one; of tables, as it is."""
    if task.modality.is_file and may_hold_media(local_path(file)):
        return replace(task, text_columns=(FILE,), label_column=LABEL)
    return task


def with_columns(task: Task, options: FileOptions) -> Task:
    """Return the task with the columns that the user named in place of those that the model was trained on.

    Raises:
        UsageError: if columns are named for texts or choices that the model does not read.
    """
    first, second = (*task.text_columns, None, None)[:2]
    given = {"`text`": (options.text, first), "`text_pair`": (options.text_pair, second)}
    for option, (name, own) in given.items():
        if name is not None and own is None:
            read = "one text" if first else "choices only"
            raise UsageError(
                f"{option} {name!r} would have no effect: the model reads {read}", remedy="  Leave it out."
            )
    if options.choices and not task.choice_columns:
        raise UsageError(
            f"`choices` {','.join(options.choices)} would have no effect: the model reads no choices",
            remedy="  Leave it out.",
        )
    return replace(
        task,
        text_columns=tuple(name or own for name, own in given.values() if own is not None),
        choice_columns=options.choices or task.choice_columns,
        label_column=options.label or task.label_column,
    )
