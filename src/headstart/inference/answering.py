"""Answers to the rows of a file, chunk by chunk, kept as pieces beside the output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headstart.inference.forward import Progress
from headstart.inference.partial_answers import AnswerKey, PartialFolder, Piece
from headstart.inference.predict import predict
from headstart.inference.prediction_columns import (
    WantedColumns,
    in_all_rows,
    prediction_columns,
    prediction_schema,
)
from headstart.inference.rows import Checked, Rows
from headstart.inference.saved import load_saved_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What is to be answered, by which model, and where the pieces go.

    Attributes:
        folder: of the saved model.
        wanted: the new columns.
        key: how they are computed.
    """

    folder: Path
    rows: Rows
    checked: Checked
    wanted: WantedColumns
    key: AnswerKey
    partial: PartialFolder


@dataclass(frozen=True, slots=True)
class Share:
    """Every `number`-th chunk, from the one at `place` on: what one of several processes answers."""

    place: int = 0
    number: int = 1

    def has(self, chunk: int) -> bool:
        """Whether a chunk is in it."""
        return chunk % self.number == self.place


WHOLE = Share()


def answer(answers: Answers, progress: Progress | None, share: Share = WHOLE) -> int:
    """Answer every chunk of a share that is not answered yet; return the number of rows that were.

    `progress` is told of the rows of the share that are done.
    """
    rows, key, num_rows_in_all = answers.rows, answers.key, answers.checked.num_rows
    schema = prediction_schema(rows.task, answers.wanted, answers.checked.num_choices)
    num_done = num_resumed = 0
    saved = None
    for number, read in enumerate(rows.chunks()):
        if not share.has(number):
            continue
        num_rows, split = read.columns.num_rows, read.split
        if answers.partial.read(number, num_rows) is not None:
            num_resumed += num_rows
        else:
            saved = saved or load_saved_model(answers.folder)
            predictions = predict(
                saved,
                split,
                batch_size=key.batch_size,
                precision=key.precision,
                device=key.device,
                progress=_counted_on(progress, num_done, num_rows_in_all),
            )
            num_choices = None if split.choices is None else [len(choices) for choices in split.choices]
            columns = prediction_columns(predictions, schema, answers.wanted, num_choices)
            whole = in_all_rows(columns, read.complete, num_rows)
            answers.partial.write(number, Piece(columns=whole, num_truncated=predictions.num_truncated))
        num_done += num_rows
        if progress is not None:
            progress(num_done, num_rows_in_all)
    return num_resumed


def _counted_on(progress: Progress | None, num_before: int, num_rows: int) -> Progress | None:
    return None if progress is None else lambda done, total: progress(num_before + done, num_rows)
