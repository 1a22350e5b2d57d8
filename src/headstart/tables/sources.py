"""Where a user's data comes from: files, folders, the hub, memory; as one table per split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from headstart.errors import DataError, UsageError, shortened
from headstart.option import named
from headstart.tables.dataset_folders import cloned_tables, hub_tables, is_clone, is_saved, saved_tables
from headstart.tables.file_options import FileOptions
from headstart.tables.folders import has_classes, split_folders
from headstart.tables.media_folders import media_tables
from headstart.tables.paths import HUB_PREFIX, local_path
from headstart.tables.reading import is_delimited_text, is_spreadsheet, read_table, tables_by_class_files
from headstart.tables.splits import rows_to_score, splits_of_column, used_splits, with_notes, without_unlabelled_test
from headstart.tables.table import Table
from headstart.tables.text_and_labels import paired_files
from headstart.tables.text_lines import require_encoding


def name_of(file: str) -> str:
    """Return what a user's data is called: a hub data set by its whole id, a file by its name."""
    return file if file.startswith(HUB_PREFIX) else local_path(file).name


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
    _refuse_unused(file, options)
    tables = _tables_of_hub_or_path(file, options)
    if options.split_column is not None:
        tables = _by_column(tables["train"], options.split_column)
    elif "train" in tables and tables["train"].split_column is not None:
        tables = _as_laid_apart(file, tables["train"], tables["train"].split_column)
    if options.validation is not None:
        if "validation" in tables:
            raise UsageError(
                f"`validation` was given, and {file} has validation rows already", remedy="  Leave it out."
            )
        tables["validation"] = read_table(options.validation, replace(options, label_file=None))
    return tables


def table_to_score(file: str, options: FileOptions, label: str) -> Table:
    """Return the rows of a user's data that a model is scored on, and a note that says which they are.

    Of data with splits these are the test rows; without labelled ones among them the validation rows.

    Args:
        file: as in `tables_of`.
        options: how it is read.
        label: column of the labels.

    Raises:
        UsageError: if options have no effect on this source, or the training split is missing.
        DataError: if a column of splits holds something else, or calls no labelled row test or validation.
    """
    _refuse_unused(file, options)
    tables = _tables_of_hub_or_path(file, options)
    table = tables["train"]
    if options.split_column is not None:
        return rows_to_score(table, options.split_column, label)
    if table.split_column is not None:
        tables = _as_laid_apart(file, table, table.split_column)
    tables = without_unlabelled_test(tables, label)[0]
    split = next((split for split in ("test", "validation") if split in tables), None)
    if split is None:
        return table
    return with_notes(tables[split], [f"scored are the {tables[split].num_rows} rows of the {split} split"])


def _tables_of_hub_or_path(file: str, options: FileOptions) -> dict[str, Table]:
    if options.modality.is_file and not file.startswith(HUB_PREFIX) and local_path(file).is_dir():
        return media_tables(local_path(file), options.modality)
    if file.startswith(HUB_PREFIX):
        return hub_tables(file, file.removeprefix(HUB_PREFIX), options)
    path = local_path(file)
    if is_saved(path):
        return saved_tables(str(path), options)
    if not path.is_dir():
        return {"train": read_table(path, options)}
    if options.label_from_path and not has_classes(path) and not split_folders(path):
        return tables_by_class_files(path, options)
    if splits := split_folders(path) or paired_files(path):
        return {split: read_table(place, options) for split, place in splits.items()}
    if is_clone(path):
        return cloned_tables(str(path), options)
    return {"train": read_table(path, options)}


def _refuse_unused(file: str, options: FileOptions) -> None:
    if options.encoding is not None:
        require_encoding(options.encoding)  # Also where no text is read: the model's folder says how its table was.
    if options.modality.is_file:
        _refuse_for_media(file, options)
    if options.label_from_path and not (not file.startswith(HUB_PREFIX) and local_path(file).is_dir()):
        raise UsageError(
            f"`label_from_path` would have no effect: {shortened(file)} is no folder with a file for each class",
            remedy="  Leave it out, or give the folder in which the files lie.",
        )
    if options.label_file is not None and (file.startswith(HUB_PREFIX) or local_path(file).is_dir()):
        raise UsageError(
            f"`label_file` would have no effect: {shortened(file)} is no text file", remedy="  Leave it out."
        )
    given = [file, *([options.validation] if options.validation is not None else [])]
    if options.sheet is not None and not any(is_spreadsheet(local_path(each)) for each in given):
        raise UsageError(
            f"`sheet` would have no effect: {' and '.join(given)} is no spreadsheet", remedy="  Leave it out."
        )
    dialect = [name for name in ("delimiter", "quoting") if getattr(options, name) is not None]
    if dialect and not any(local_path(each).is_dir() or is_delimited_text(local_path(each)) for each in given):
        raise UsageError(
            f"{' and '.join(f'`{name}`' for name in dialect)} would have no effect: {' and '.join(given)} is no text "
            "with a sign between its cells, such as CSV",
            remedy="  Leave it out.",
        )
    read = ("config", "revision") if file.startswith(HUB_PREFIX) else ("config",) if is_clone(local_path(file)) else ()
    unused = [name for name in ("config", "revision") if getattr(options, name) is not None and name not in read]
    if unused:
        raise UsageError(
            f"{' and '.join(f'`{name}`' for name in unused)} would have no effect: {file} is not on the hub",
            remedy="  Leave it out, or write hub:OWNER/NAME.",
        )


def _refuse_for_media(file: str, options: FileOptions) -> None:
    """Refuse what images and sounds cannot have: they are single files on this machine, each a whole row."""
    thing = options.modality.thing
    if file.startswith(HUB_PREFIX):
        raise UsageError(
            f"{file} cannot be read as {thing}s: these are files on this machine",
            remedy="  Save them into a folder for each class.",
        )
    names = ("text_pair", "choices", "label_from_path", "label_file")
    if given := [name for name in names if getattr(options, name)]:
        raise UsageError(
            f"{named(given)} would have no effect: a row is one {thing}, and its label is the name of its folder or "
            "stands in a table",
            remedy="  Leave it out.",
        )


def _by_column(table: Table, column: str) -> dict[str, Table]:
    """Return the rows of each split as a table of its own.

    Raises:
        DataError: with a fault for each row whose split has another name.
    """
    if column not in table.columns:
        return {"train": table}
    splits = splits_of_column(table, column)
    if "train" not in splits:
        raise DataError([table.fault(f"the column {column!r} calls no row 'train'")])
    return splits


def _as_laid_apart(file: str, table: Table, column: str) -> dict[str, Table]:
    """Return the splits of a file that lays its rows apart by name; rows of other names are left out, and counted."""
    names = table.columns[column]
    sizes = Counter(map(str, names))
    used, notes = used_splits(file, sizes)
    dropped = {f"lies under {name!r}": size for name, size in sizes.items() if name not in used.values()}
    columns = {name: values for name, values in table.columns.items() if name != column}
    bare = replace(table, columns=columns, notes=(), dropped={}, split_column=None)
    splits = {split: bare.take([row for row, each in enumerate(names) if each == name]) for split, name in used.items()}
    training = replace(
        splits["train"],
        faults=table.faults,
        notes=(*table.notes, *notes),
        dropped={**table.dropped, **dropped},
    )
    return {**splits, "train": training}
