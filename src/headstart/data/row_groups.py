"""What rows of a table have in a column that names groups, such as a language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headstart.data.user_rows import MISSING, TRAIN
from headstart.errors import DataError, DataFault
from headstart.tables.file_options import FileOptions
from headstart.tables.sources import tables_of


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupColumn:
    """A column of groups.

    Attributes:
        by_split: what each row has in it, by the row's number in its table, for each split that the data has.
    """

    by_split: Mapping[str, Mapping[int, str]]

    def of_rows(self, split: str, numbers: Sequence[int]) -> tuple[str, ...]:
        """Return the groups of rows by their numbers; a split that was cut off has them among the training rows."""
        groups = self.by_split.get(split, self.by_split[TRAIN])
        return tuple(groups[number] for number in numbers)


def read_group_column(file: str, options: FileOptions, column: str) -> GroupColumn:
    """Return a column of a person's data.

    Args:
        file: as in `tables_of`.
        options: how it is read.
        column: its name; a row that has nothing there is in the group "(missing)".

    Raises:
        DataError: if a table has no such column.
        UsageError: if the data cannot be read with these options.
    """
    tables = tables_of(file, options)
    lacking = [
        DataFault(file=str(table.path), message=f"there is no column {column!r} (`group_by`)")
        for table in tables.values()
        if column not in table.columns
    ]
    if lacking:
        names = ", ".join(map(repr, tables[TRAIN].columns))
        raise DataError(lacking, remedy=f"  Columns: {names}.")
    return GroupColumn(
        by_split={
            split: {
                table.number(row): MISSING if value in (None, "") else str(value)
                for row, value in enumerate(table.columns[column])
            }
            for split, table in tables.items()
        }
    )
