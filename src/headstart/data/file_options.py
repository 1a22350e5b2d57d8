"""How a user's own data is to be read: what the command line says of it, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.kinds.kind import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """How to read a user's data and cut it into splits; None leaves it to be guessed, or not done.

    Attributes:
        text: column of the (first) text; `text_pair`: of the second.
        label: column of the label.
        choices: columns of the choices, for multiple choice; the label is then the right one's number from 0, or its
            column's name.
        kind: the kind of answer, where it is not to be inferred.
        separator: between the labels of one cell, for multi-label answers.
        columns: names of the columns, for a file without a header.
        encoding: of a text file; UTF-8 by default.
        config, revision: of a data set on the hub.
        validation: a further file with the same columns.
        split_column: column that says which split a row belongs to.
        group: column of rows that must not be torn apart between splits.
        validation_fraction: share of the rows to hold out where no validation rows are given, above 0 and under 1.
        folds: number of folds, 2 or more; `fold` from 0 is the one that is held out.
        drop_leaks: drop training rows whose texts stand in the evaluation rows too.
        seed: root of the stream `subsample`, from which cuts are drawn.
    """

    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    choices: tuple[str, ...] = ()
    kind: Kind | None = None
    separator: str | None = None
    columns: tuple[str, ...] = ()
    encoding: str | None = None
    config: str | None = None
    revision: str | None = None
    validation: str | None = None
    split_column: str | None = None
    group: str | None = None
    validation_fraction: float = 0.2
    folds: int | None = None
    fold: int = 0
    drop_leaks: bool = False
    seed: int = 0


AS_GUESSED = FileOptions()
"""Nothing was said: everything is guessed, or not done."""
