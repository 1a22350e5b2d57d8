"""The file that makes a folder a store, and says in which schema."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from headstart.atomic_files import write_json
from headstart.errors import DamageError, NewerError, UsageError
from headstart.manifest import CHANGED, bytes_checksum
from headstart.safe_files import read_json
from headstart.store.layout import EXPERIMENT_FILE
from headstart.store.schema import SCHEMA_VERSION

MARKER = "store.json"
KIND = "headstart store"
FIELDS = {"kind", "schema_version", "checksum"}
ALIKE = "  Its runs have checksums of their own. Copy this one file from any other store that your headstart made."
ANOTHER_FOLDER = "  Give a folder that is new, empty or a store."
_log = logging.getLogger(__name__)


def is_store(root: Path) -> bool:
    """Return whether a folder is a store; one that nothing was written to yet is none."""
    return (root / MARKER).is_file()


def lost_its_marker(root: Path) -> bool:
    """Return whether a folder holds runs as a store does, and lacks what makes it one."""
    has_runs = any((path.parent / EXPERIMENT_FILE).exists() for path in root.glob("*/seed-*"))
    return has_runs and not is_store(root)


def require_store(root: Path) -> None:
    """Refuse a folder that is neither a store nor can become one.

    Raises:
        UsageError: if it is something else.
        NewerError: if a newer headstart wrote it.
        DamageError: if it is a store whose marker changed or is lost.
    """
    if is_store(root):
        _schema_of(root)
    elif root.exists() and not root.is_dir():
        raise UsageError(f"{root} is a file, not a store", remedy=ANOTHER_FOLDER)
    # A store that another process is just making holds only names that start with a dot.
    elif lost_its_marker(root):
        is_there = os.path.lexists(root / MARKER)
        raise DamageError(root / MARKER, "it is no file any more" if is_there else "it is missing", remedy=ALIKE)
    elif root.is_dir() and any(not path.name.startswith(".") for path in root.iterdir()) and not is_store(root):
        raise UsageError(f"{root} holds files but is not a headstart store: it has no {MARKER}", remedy=ANOTHER_FOLDER)


def write_marker(root: Path) -> None:
    """Make a folder a store of this schema; one of an older schema becomes one of this, which is logged."""
    schema = _schema_of(root) if is_store(root) else None
    if schema == SCHEMA_VERSION:
        return
    if schema is not None:
        _log.warning(
            "%s holds runs of an older headstart (schema %s): reports show them, new runs do not reuse them",
            root,
            schema,
        )
    write_json(
        root / MARKER, {"kind": KIND, "schema_version": SCHEMA_VERSION, "checksum": _checksum_of(SCHEMA_VERSION)}
    )


def _schema_of(root: Path) -> int:
    """Return the schema of a store, which is one that we read."""
    path = root / MARKER
    try:
        values = read_json(path)
    except DamageError as error:
        raise DamageError(path, error.what, remedy=ALIKE) from error
    schema = values.get("schema_version")
    if values.get("kind") != KIND or not isinstance(schema, int):
        raise UsageError(f"{path} is not from headstart", remedy=ANOTHER_FOLDER)
    is_ours = schema > SCHEMA_VERSION or values.keys() <= FIELDS
    if not is_ours or values.get("checksum", _checksum_of(schema)) != _checksum_of(schema):  # older ones have none
        raise DamageError(path, CHANGED, remedy=ALIKE)
    if schema > SCHEMA_VERSION:
        raise NewerError(root, schema, SCHEMA_VERSION)
    return schema


def _checksum_of(schema: int) -> str:
    """Return a checksum of a schema: with one changed bit a number is another one that might be right."""
    return bytes_checksum(f"{KIND} {schema}".encode())
