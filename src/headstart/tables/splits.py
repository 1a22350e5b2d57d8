"""What people call the splits of their data, and which of several named splits are used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from headstart.errors import DataError, UsageError
from headstart.kinds.cells import is_missing
from headstart.tables.table import Table

SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "eval", "evaluation"),
    "test": ("test", "testing"),
}
"""What people call the splits."""


def split_called(name: str) -> str | None:
    """Return the split that people call `name`; None for other names."""
    folded = name.strip().casefold()
    return next((split for split, names in SPLIT_NAMES.items() if folded in names), None)


def used_splits(source: str, names: Iterable[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return which of a data set's splits are used, by what they are for, and sentences that say the rest.

    Where no split is called validation or test alone, the first one that is called such with a suffix is taken, as
    `validation_matched`.

    Args:
        source: what the data set is called, for the error.
        names: of its splits, in its order.

    Raises:
        UsageError: if none is the training split.
    """
    there = list(names)
    used: dict[str, str] = {}
    for split in SPLIT_NAMES:
        own = [name for name in there if split_called(name) == split]
        longer = [name for name in there if split_called(name.replace("-", "_").partition("_")[0]) == split]
        candidates = own or (longer if split != "train" else [])
        if candidates:
            used[split] = candidates[0]
    if "train" not in used:
        raise UsageError(
            f"{source} has no training split, only: {', '.join(there)}",
            remedy="  Save the rows to train on as a file, with datasets' "
            f"load_dataset(...)[{there[0] if there else 'train'!r}].to_parquet('train.parquet').",
        )
    said = [f"{name!r} is the {split} split" for split, name in used.items() if split_called(name) is None]
    unused = [repr(name) for name in there if name not in used.values()]
    said += [f"not used: {', '.join(unused)}"] if unused else []
    return used, ((f"splits: {'; '.join(said)}",) if said else ())


def splits_of_column(table: Table, column: str) -> dict[str, Table]:
    """Return the rows of each split as a table of its own, by a column that says train, validation or test.

    Raises:
        DataError: with a fault for each row whose split has another name.
    """
    rows: dict[str, list[int]] = {}
    faults = list(table.faults)
    for row, value in enumerate(table.columns[column]):
        split = split_called(str(value))
        if split is None:
            faults.append(table.fault(f"the split ({column!r}) is not train, validation or test", row, value=value))
        else:
            rows.setdefault(split, []).append(row)
    if faults:
        raise DataError(faults)
    return {split: table.take(rows[split]) for split in SPLIT_NAMES if split in rows}


def unused_column_of_splits(table: Table, used: Iterable[str | None]) -> tuple[str, ...]:
    """Return a sentence on a column that says of each row train, validation or test, and that is not used."""
    taken = set(used)
    for name in (name for name in table.columns if name not in taken):
        values = table.columns[name]
        if not values or not isinstance(values[0], str) or split_called(values[0]) is None:
            continue
        distinct = set(map(str, values))
        splits = set(map(split_called, distinct))
        if len(splits) > 1 and "train" in splits and None not in splits:
            said = f"the column {name!r} says {', '.join(sorted(distinct))} and is not used: all rows are training rows"
            return (f"{said}; `split_column` {name!r} keeps them apart",)
    return ()


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
        raise DataError([*table.faults, table.fault(f"has no column {column!r} (`split_column`)")])
    splits = without_unlabelled_test(splits_of_column(table, column), label)[0]
    for split in ("test", "validation"):
        if split in splits:
            rows = splits[split]
            said = f"scored are the {rows.num_rows} rows that {column!r} calls {split}, of {table.num_rows}"
            return with_notes(rows, [said])
    raise DataError(
        [table.fault(f"the column {column!r} calls no labelled row test or validation")],
        remedy="  To score all rows, leave `split_column` out; where the model remembers it, give `reads_anew`.",
    )


def without_unlabelled_test(tables: Mapping[str, Table], label: str) -> tuple[dict[str, Table], tuple[str, ...]]:
    """Return the splits without a test split that has no label at all, and a sentence that says so."""
    kept = dict(tables)
    labels = kept["test"].columns.get(label, ()) if "test" in kept else ()
    if len(labels) == 0 or not all(map(is_missing, labels)):
        return kept, ()
    del kept["test"]
    return kept, (f"the test split ({len(labels)} rows) has no labels: it is not used",)


def with_notes(table: Table, notes: Iterable[str]) -> Table:
    """Return the table with further sentences of what was recognised."""
    return replace(table, notes=(*table.notes, *notes))
