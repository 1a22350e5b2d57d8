"""Answers to the rows of a file, chunk by chunk, kept as pieces beside the output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headstart.artifacts.saved_model import SavedModel
from headstart.data.user_rows import UnlabelledRows
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
    num_rows_in_all = answers.checked.num_rows
    num_done = num_resumed = 0
    saved = None
    for number, chunk in enumerate(answers.rows.chunks()):
        if not share.has(number):
            continue
        num_rows = chunk.columns.num_rows
        if answers.partial.read(number, num_rows) is not None:
            num_resumed += num_rows
        else:
            saved = saved or load_saved_model(answers.folder)
            piece = piece_of(answers, chunk, saved, _counted_on(progress, num_done, num_rows_in_all))
            answers.partial.write(number, piece)
        num_done += num_rows
        if progress is not None:
            progress(num_done, num_rows_in_all)
    return num_resumed


def piece_of(answers: Answers, chunk: UnlabelledRows, saved: SavedModel, progress: Progress | None = None) -> Piece:
    """Return a model's answers to a chunk; `progress` is told of its rows."""
    split, key = chunk.split, answers.key
    predictions = predict(
        saved, split, batch_size=key.batch_size, precision=key.precision, device=key.device, progress=progress
    )
    schema = prediction_schema(answers.rows.task, answers.wanted, answers.checked.num_choices)
    num_choices = None if split.choices is None else [len(choices) for choices in split.choices]
    columns = prediction_columns(predictions, schema, answers.wanted, num_choices)
    whole = in_all_rows(columns, chunk.complete, chunk.columns.num_rows)
    return Piece(columns=whole, num_truncated=predictions.num_truncated)


def _counted_on(progress: Progress | None, num_before: int, num_rows: int) -> Progress | None:
    return None if progress is None else lambda done, total: progress(num_before + done, num_rows)
