"""Where a user's data comes from: files, folders, the hub, memory; as one table per split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from headstart.errors import DataError, UsageError
from headstart.kinds.cells import is_missing
from headstart.tables.file_options import FileOptions
from headstart.tables.reading import read_table
from headstart.tables.table import Table

HUB_PREFIX = "hub:"
"""What a data set's id on the hub begins with, where a file could stand."""
SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "eval", "evaluation"),
    "test": ("test", "testing"),
}
"""What people call the splits."""
DATASET_FILES = ("dataset_info.json", "dataset_dict.json")


def name_of(file: str) -> str:
    """Return what a user's data is called: a hub data set by its whole id, a file by its name."""
    return file if file.startswith(HUB_PREFIX) else Path(file).name


def distinct_names(files: Sequence[str]) -> list[str]:
    """Return what files are called beside each other.

    Where two have one name, whatever its case, they are called by their paths from the first part that differs.

    Args:
        files: whole paths, or data sets on the hub; each once.
    """
    names = [name_of(file) for file in files]
    alike = {
        name: [file for file, other in zip(files, names, strict=True) if other.casefold() == name.casefold()]
        for name in names
    }
    return [
        name if len(alike[name]) == 1 else _from_first_difference(file, alike[name])
        for file, name in zip(files, names, strict=True)
    ]


def _from_first_difference(file: str, alike: Sequence[str]) -> str:
    paths = [Path(each).parts for each in alike]
    num_shared = next(place for place, parts in enumerate(zip(*paths, strict=False)) if len(set(parts)) > 1)
    return "/".join(Path(file).parts[num_shared:])


def tables_of(file: str, options: FileOptions) -> dict[str, Table]:
    """Return the tables by split, "train" among them.

    Raises:
        UsageError: if options have no effect on this source, or the training split is missing.
        DataError: if a column of splits holds something else.
    """
    hub_name = file.removeprefix(HUB_PREFIX) if file.startswith(HUB_PREFIX) else None
    _refuse_unused(file, options)
    if hub_name is not None or any((Path(file) / name).is_file() for name in DATASET_FILES):
        from headstart.tables.arrow_tables import dataset_tables

        tables = _named(file, dataset_tables(file, hub_name, options))
    else:
        tables = {"train": read_table(file, options)}
    if options.split_column is not None:
        tables = _by_column(tables["train"], options.split_column)
    if options.validation is not None:
        if "validation" in tables:
            raise UsageError(
                f"`validation` was given, and {file} has validation rows already", remedy="  Leave it out."
            )
        tables["validation"] = read_table(options.validation, options)
    return tables


def _refuse_unused(file: str, options: FileOptions) -> None:
    unused = [name for name in ("config", "revision") if getattr(options, name) is not None]
    if unused and not file.startswith(HUB_PREFIX):
        raise UsageError(
            f"{' and '.join(f'`{name}`' for name in unused)} would have no effect: {file} is not on the hub",
            remedy="  Leave it out, or write hub:OWNER/NAME.",
        )


def _named(file: str, tables: dict[str, Table]) -> dict[str, Table]:
    named = {split: table for name, table in tables.items() if (split := split_called(name)) is not None}
    if "train" not in named:
        raise UsageError(f"{file} has no training split, only: {', '.join(tables)}")
    return named


def _by_column(table: Table, column: str) -> dict[str, Table]:
    """Return the rows of each split as a table of its own.

    Raises:
        DataError: with a fault for each row whose split has another name.
    """
    if column not in table.columns:
        return {"train": table}
    splits = _splits(table, column)
    if "train" not in splits:
        raise DataError([table.fault(f"the column {column!r} calls no row 'train'")])
    return splits


def rows_to_score(table: Table, column: str, label: str) -> Table:
    """Return the rows that a column of splits calls test; where none of these has a label, the validation rows.

    Args:
        table: all rows.
        column: of the splits.
        label: column of the labels.

    Raises:
        DataError: with a fault for each row whose split has another name, or if there are no such rows.
    """
    if column not in table.columns:
        raise DataError([table.fault(f"has no column {column!r} (`split_column`)")])
    splits = _splits(table, column)
    for split in ("test", "validation"):
        rows = splits.get(split)
        if rows is not None and not all(map(is_missing, rows.columns.get(label, ("",)))):
            said = f"scored are the {rows.num_rows} rows that {column!r} calls {split}, of {table.num_rows}"
            return replace(rows, notes=(*table.notes, said))
    raise DataError(
        [table.fault(f"the column {column!r} calls no labelled row test or validation")],
        remedy="  To score all rows, leave `split_column` out; where the model remembers it, give `reads_anew`.",
    )


def _splits(table: Table, column: str) -> dict[str, Table]:
    rows: dict[str, list[int]] = {}
    faults = list(table.faults)
    for row, value in enumerate(table.columns[column]):
        split = split_called(str(value))
        if split is None:
            names = "train, validation or test"
            faults.append(table.fault(f"the split ({column!r}) is {value!r}, and not one of {names}", row))
        else:
            rows.setdefault(split, []).append(row)
    if faults:
        raise DataError(faults)
    return {split: table.take(rows[split]) for split in SPLIT_NAMES if split in rows}


def split_called(name: str) -> str | None:
    """Return the split that people call `name`; None for other names."""
    folded = name.strip().casefold()
    return next((split for split, names in SPLIT_NAMES.items() if folded in names), None)
