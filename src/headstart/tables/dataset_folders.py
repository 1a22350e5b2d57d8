"""Data sets of several splits: written by datasets' `save_to_disk`, cloned from the hub, or on the hub."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.errors import UsageError
from headstart.safe_files import read_text
from headstart.tables.file_options import FileOptions
from headstart.tables.reading import has_known_suffix, read_table
from headstart.tables.splits import split_called, used_splits, with_notes
from headstart.tables.table import Table, joined

if TYPE_CHECKING:
    import datasets

SAVED_FILES = ("dataset_info.json", "dataset_dict.json")
"""One of them lies in each folder that `save_to_disk` wrote."""
CARD_HEAD = re.compile(r"\ufeff?---\s*\n(?:(?!---).*\n)*?(configs|dataset_info):")
"""How a card begins that says where a data set's files are, or what they hold."""


def is_saved(folder: Path) -> bool:
    """Whether datasets' `save_to_disk` wrote this folder."""
    return any((folder / name).is_file() for name in SAVED_FILES)


def is_clone(folder: Path) -> bool:
    """Whether a folder is laid out as a data set on the hub: its card says so, or its files are called by splits.

    Files may lie in the folder, or in one below it that is called `data`, and may be shards:
    `data/train-00000-of-00002.parquet`.
    """
    card = folder / "README.md"
    if card.is_file() and CARD_HEAD.match(read_text(card, errors="replace")):
        return True
    files = [path for place in (folder, folder / "data") if place.is_dir() for path in place.iterdir()]
    return any(has_known_suffix(path) and _split_of(path) == "train" for path in files)


def saved_tables(folder: str, options: FileOptions) -> dict[str, Table]:
    """Return the splits of a folder that `save_to_disk` wrote.

    Raises:
        UsageError: if it cannot be read, or has no training split.
    """
    import datasets
    import pyarrow as pa

    from headstart.tables.arrow_messages import require_unpacked

    with _said_for_people(folder, "  Write it again with datasets' save_to_disk, or to_parquet."):
        for path in sorted(Path(folder).rglob("*.arrow")):
            with pa.memory_map(str(path)) as source:
                require_unpacked(source, f"it is {path}")
        found = datasets.load_from_disk(folder)
    return _tables(folder, found, options)


def hub_tables(source: str, name: str, options: FileOptions) -> dict[str, Table]:
    """Return the splits of a data set on the hub.

    Args:
        source: what the user calls it.
        name: as `OWNER/NAME`.
        options: may name a `config` and a `revision`.

    Raises:
        UsageError: if it does not exist, cannot be fetched, or has no training split.
    """
    import datasets

    remedy = f"  Where the hub can be reached: git clone https://huggingface.co/datasets/{name}, and give the folder."
    with _said_for_people(source, remedy):
        found = datasets.load_dataset(name, options.config, revision=options.revision)
    return _tables(source, found, options)


def cloned_tables(folder: str, options: FileOptions) -> dict[str, Table]:
    """Return the splits of a folder that is laid out as a data set on the hub.

    datasets says which files belong to which split, and what the card says of columns; the files themselves are read as
    any others.

    Raises:
        UsageError: if no files are found, or none is the training split.
    """
    import datasets

    from headstart.tables.arrow_tables import with_features
    from headstart.tables.datasets_features import features_of, wants_names

    with _said_for_people(folder, "  Name one of its files."), _without_remarks_on_cards():
        builder = datasets.load_dataset_builder(folder, options.config)
    files = {str(split): [Path(file) for file in paths] for split, paths in (builder.config.data_files or {}).items()}
    used, notes = used_splits(folder, files)
    schema = None if builder.info.features is None else builder.info.features.arrow_schema
    features = {} if schema is None else features_of(schema, with_names=wants_names(options))
    tables = {
        split: with_features(_joined(Path(folder), name, files[name], options), features)
        for split, name in used.items()
    }
    return tables | {"train": with_notes(tables["train"], notes)}


def _joined(folder: Path, split: str, files: Sequence[Path], options: FileOptions) -> Table:
    """Return the rows of a split's files, one after another; of several files they are numbered through."""
    if len(files) == 1:
        return read_table(files[0], options)
    whole = joined(folder / split, (read_table(file, options) for file in files))
    return replace(whole, lines=None)


def _tables(name: str, found: datasets.Dataset | datasets.DatasetDict, options: FileOptions) -> dict[str, Table]:
    import datasets

    from headstart.tables.arrow_bounds import LaidOut
    from headstart.tables.arrow_tables import table_of

    splits: Mapping[str, datasets.Dataset] = {"train": found} if isinstance(found, datasets.Dataset) else found
    used, notes = used_splits(name, [str(split) for split in splits])
    tables = {}
    for split, called in used.items():
        rows = splits[called]
        arrow = rows.with_format("arrow")[:].replace_schema_metadata(rows.features.arrow_schema.metadata)
        path = Path(name) if rows is found else Path(name) / called
        with _said_for_people(str(path), "  Where it is to be so, save it as CSV and give that file."):
            LaidOut(arrow.nbytes).add(arrow)
        tables[split] = table_of(path, arrow, options)
    return tables | {"train": with_notes(tables["train"], notes)}


@contextmanager
def _said_for_people(name: str, remedy: str) -> Iterator[None]:
    """Turn what datasets raises into an error of ours; a configuration that must be chosen has its own remedy."""
    from datasets.exceptions import DatasetsError

    try:
        yield
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        said = " ".join(str(error).split())
        if "Config name is missing" in said or "BuilderConfig" in said:
            remedy = "  Name one with `config`."
        raise UsageError(f"the data set {name!r} cannot be read: {said}", remedy=remedy) from error


@contextmanager
def _without_remarks_on_cards() -> Iterator[None]:
    """Silence the hub's library about cards without a head, which are none of a user's concern here."""
    logger = logging.getLogger("huggingface_hub.repocard")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _split_of(path: Path) -> str | None:
    return split_called(re.split(r"[-_.]", path.name, maxsplit=1)[0])
