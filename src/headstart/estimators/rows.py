"""Rows in memory for a model that was loaded: texts, and what some models read beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.data.examples import Span, Split
from headstart.estimators.texts import read_texts
from headstart.tasks.task import Task

Place = tuple[int, int, int]
"""Which text of a row, from 0; the place's first character, from 0; and the one after its last."""


def rows_of_task(
    task: Task,
    texts: Any,
    choices: Sequence[Sequence[str]] | None,
    places: Sequence[tuple[Place, Place]] | None,
) -> Split:
    """Return rows as a task has them; arguments are those of `LoadedModel.predict`.

    Raises:
        ValueError: if they are not what the task's models read.
    """
    for name, given, is_read in (
        ("texts", texts, bool(task.text_columns)),
        ("choices", choices, task.kind.has_choices),
        ("places", places, task.has_spans),
    ):
        if is_read and given is None:
            raise ValueError(f"the model reads `{name}`, and none are given")
        if not is_read and given is not None:
            raise ValueError(f"the model does not read `{name}`: leave them out")
    rows = read_texts(texts) if task.text_columns else ((),) * len(choices or ())
    if rows and len(rows[0]) != len(task.text_columns):
        raise ValueError(f"there are {len(rows[0])} texts a row, but the model reads {len(task.text_columns)}")
    return Split.of(
        texts=rows,
        choices=None if choices is None else tuple(_choices(row, number) for number, row in enumerate(choices)),
        spans=None if places is None else tuple(_spans(pair, rows, number) for number, pair in enumerate(places)),
    )


def _choices(row: Any, number: int) -> tuple[str, ...]:
    is_one_text = isinstance(row, str)
    if is_one_text or len(row) < 2 or not all(isinstance(choice, str) and choice.strip() for choice in row):
        raise ValueError(f"choices[{number}] must be two texts or more, found {row!r}")
    return tuple(map(str, row))


def _spans(pair: tuple[Place, Place], rows: Sequence[tuple[str, ...]], number: int) -> tuple[Span, Span]:
    try:
        first, second = (Span(text=text, begin=begin, end=end) for text, begin, end in pair)
    except (TypeError, ValueError) as error:
        raise ValueError(f"places[{number}] must be two of (text, begin, end), found {pair!r}") from error
    for place in (first, second):
        texts = rows[number] if number < len(rows) else ()
        if not 0 <= place.text < len(texts) or not 0 <= place.begin < place.end <= len(texts[place.text]):
            raise ValueError(f"places[{number}] is outside its texts: {pair!r}")
    return first, second
