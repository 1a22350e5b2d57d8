"""Reading a user's table, whole or piece by piece, by its suffix; what is wrong with it is in its faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from headstart.errors import DataError
from headstart.media.modality import may_hold_media
from headstart.tables.delimited import scan_csv, scan_delimited, scan_tsv
from headstart.tables.dialect import SAMPLE_LINES, is_delimited
from headstart.tables.fasttext import is_fasttext, scan_fasttext
from headstart.tables.file_options import AS_GUESSED, FileOptions
from headstart.tables.folders import class_files_tables, class_folders_table, has_classes
from headstart.tables.json_tables import holds_json, scan_json, scan_json_lines
from headstart.tables.magic import HEAD_BYTES, binary_kind
from headstart.tables.media_folders import scan_media
from headstart.tables.other_formats import way_on
from headstart.tables.paths import local_path
from headstart.tables.table import Table, joined, unreadable
from headstart.tables.text_and_labels import label_file_of, lines_table, scan_text_and_labels
from headstart.tables.text_lines import text_lines

CHUNK_ROWS = 10_000
Scan = Callable[[Path, FileOptions, int], Iterator[Table]]


def scan_table(file: str, options: FileOptions = AS_GUESSED, *, chunk_rows: int = CHUNK_ROWS) -> Iterator[Table]:
    """Yield a file's rows piece by piece; memory depends on the piece, not on the file (JSON arrays are read whole).

    Args:
        file: CSV, TSV, JSON, JSON lines (each plain or .gz), Parquet, Arrow, a spreadsheet or a file of
            SPSS or Stata, by its suffix.
        options: how to read it.
        chunk_rows: rows of a piece.

    Raises:
        UsageError: if the encoding is unknown.
    """
    path = local_path(file)
    try:
        if options.modality.is_file and path.exists() and may_hold_media(path):
            yield from scan_media(path, options.modality, chunk_rows)
            return
        scan = _scan_of(path, options)
        if isinstance(scan, str):
            yield unreadable(path, scan)
        else:
            yield from _watched(path, scan(path, options, chunk_rows))
    except OSError as error:
        yield unreadable(path, f"cannot be read: {error.strerror or error}")


def read_table(file: str | Path, options: FileOptions = AS_GUESSED) -> Table:
    """Return a whole file, all pieces of `scan_table` together."""
    return joined(local_path(file), scan_table(str(file), options))


def read_as_written(path: Path) -> Table:
    """Return a whole file of a known layout: in JSON lines objects stay values, and no tool's export is looked for."""
    if _suffix(path) not in JSON_LINES or not path.is_file():
        return read_table(path)
    return joined(path, _watched(path, scan_json_lines(path, AS_GUESSED, CHUNK_ROWS, as_written=True)))


def tables_by_class_files(folder: Path, options: FileOptions) -> dict[str, Table]:
    """Return by split the rows of a folder with a file for each class, each a table, or text with a text a line.

    Raises:
        UsageError: if fewer than two classes are found, or a file has a column `label` itself.
    """

    def read(path: Path) -> Table:
        is_table = has_known_suffix(path) and path.suffix.lower() != ".txt"
        return read_table(path, options) if is_table else lines_table(path, options)

    return class_files_tables(folder, read)


def require_table(path: Path) -> None:
    """Refuse a path that is not a table file's, before anything else is done.

    Raises:
        DataError: with the reason.
    """
    if problem := _problem(path):
        raise DataError(unreadable(path, problem).faults)


def has_known_suffix(path: Path) -> bool:
    """Whether a file's suffix names a format that can be read."""
    return _suffix(path) in SCANS


def is_delimited_text(path: Path) -> bool:
    """Whether a file is read as text with a sign between its cells."""
    return SCANS.get(_suffix(path), scan_delimited) in (scan_csv, scan_tsv, scan_delimited)


def is_spreadsheet(path: Path) -> bool:
    """Whether a file's suffix is that of a spreadsheet, which has sheets."""
    return _suffix(path) in SPREADSHEETS


def _watched(path: Path, pieces: Iterator[Table]) -> Iterator[Table]:
    """Yield the pieces of a file, and say whether it was changed meanwhile or holds no rows."""
    before = _state(path)
    num_rows, piece = 0, None
    for piece in pieces:
        num_rows += piece.num_rows + len(piece.faults)
        yield piece
    if _state(path) != before:
        yield unreadable(path, "was changed while it was read; call again")
    if num_rows == 0:
        yield unreadable(path, _why_empty(piece))


def _scan_of(path: Path, options: FileOptions) -> Scan | str:
    """Return what reads this file or folder, or why nothing does."""
    if path.is_dir():
        return _folder_scan(path, options) or _problem(path)
    labels = label_file_of(path, options)
    if labels is not None:
        return lambda path, options, chunk_rows: scan_text_and_labels(path, labels, options)
    return (
        _as_json(path, options)
        or _as_fasttext(path, options)
        or _problem(path)
        or SCANS.get(_suffix(path), scan_delimited)
    )


def _as_fasttext(path: Path, options: FileOptions) -> Scan | None:
    is_text = _suffix(path) == ".txt" or (_suffix(path) not in SCANS and not way_on(path))
    return scan_fasttext if is_text and path.is_file() and is_fasttext(path, options) else None


def _as_json(path: Path, options: FileOptions) -> Scan | str | None:
    """Return what reads a text file that holds JSON and is called otherwise, or what to call it; None for others."""
    is_text = _suffix(path) in TEXT_SCANS or (_suffix(path) not in SCANS and not way_on(path))
    if not (is_text and _suffix(path) not in JSON_SUFFIXES and path.is_file() and holds_json(path, options)):
        return None
    return "holds JSON; call it .jsonl" if _suffix(path) in (".csv", ".tsv") else scan_json_lines


def _folder_scan(folder: Path, options: FileOptions) -> Scan | None:
    if has_classes(folder):
        return lambda path, options, chunk_rows: iter([class_folders_table(path, options)])
    if options.label_from_path:
        return lambda path, options, chunk_rows: iter(tables_by_class_files(path, options).values())
    return None


def _problem(path: Path) -> str:
    if path.is_dir():
        return (
            "is a folder, and no layout is recognised in it: a folder for each class, files called by the splits "
            "(train.csv), or what datasets' save_to_disk wrote; name a file in it, give `label_from_path` where each "
            "class has a file, or `modality` where the files are images or sounds"
        )
    if not path.exists():
        return "the file does not exist"
    if not path.is_file():
        return "is no file, but a pipe or a device"
    if _suffix(path) in SCANS:
        return ""
    if said := way_on(path):
        return f"{path.suffix} is not read; {said}"
    if path.is_file() and (said := binary_kind(_head(path))):
        return f"the suffix {path.suffix!r} names no known format, and the file is {said}"
    if path.is_file() and _holds_delimited_text(path):
        return ""
    return f"the suffix {path.suffix!r} names no known format; known: {', '.join(SCANS)}, .gz after a text format's"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _holds_delimited_text(path: Path) -> bool:
    """Whether a file whose suffix says nothing is a table nonetheless."""
    with text_lines(path, AS_GUESSED) as lines:
        return is_delimited(lines.peek(SAMPLE_LINES)) and not lines.faults


def _why_empty(piece: Table | None) -> str:
    if piece is not None and piece.dropped:
        return f"has no row left: {'; '.join(f'{why} ({number})' for why, number in piece.dropped.items())}"
    return "has a header and no rows" if piece is not None and piece.columns else "is empty"


def _suffix(path: Path) -> str:
    """Return the suffix that names the format; of a gzipped text file both."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return (
        suffixes[-2]
        if suffixes[-1:] == [".gz"] and suffixes[-2:-1] and suffixes[-2] in TEXT_SCANS
        else (suffixes or [""])[-1]
    )


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _parquet(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    from headstart.tables.arrow_tables import scan_parquet

    yield from scan_parquet(path, options, chunk_rows)


def _arrow(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    from headstart.tables.arrow_tables import scan_arrow

    yield from scan_arrow(path, options, chunk_rows)


def _spreadsheet(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    from headstart.tables.spreadsheets import scan_spreadsheet

    yield from scan_spreadsheet(path, options, chunk_rows)


def _statistics_file(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    from headstart.tables.statistics_files import scan_statistics_file

    yield from scan_statistics_file(path, options, chunk_rows)


JSON_LINES = (".jsonl", ".ndjson")
JSON_SUFFIXES = (*JSON_LINES, ".json")
TEXT_SCANS: dict[str, Scan] = {
    ".csv": scan_csv,
    ".tsv": scan_tsv,
    ".tab": scan_tsv,
    ".txt": scan_delimited,
    **dict.fromkeys(JSON_LINES, scan_json_lines),
    ".json": scan_json,
}
SPREADSHEETS: dict[str, Scan] = dict.fromkeys((".xlsx", ".xlsm", ".ods"), _spreadsheet)
SCANS: dict[str, Scan] = (
    TEXT_SCANS
    | {".parquet": _parquet, ".arrow": _arrow, ".feather": _arrow, ".ipc": _arrow}
    | SPREADSHEETS
    | dict.fromkeys((".sav", ".zsav", ".dta"), _statistics_file)
)
