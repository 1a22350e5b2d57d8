"""The file of a store that says what an experiment is, and its checksum beside it."""

from __future__ import annotations

import os
from typing import Any

from headstart.atomic_files import json_text, remove, write_text
from headstart.errors import DamageError, UsageError
from headstart.manifest import FileMark, Manifest, require_whole
from headstart.store.json_records import T, dump, read_record
from headstart.store.local import LocalStore

REMEDY = "  `headstart compare`, called as before, writes it again."


def write_experiment(store: LocalStore, digest: str, experiment: Any) -> None:
    """Store what an experiment is, a dataclass, in place of whatever was said under its digest.

    Raises:
        DamageError: if a link in the store leads elsewhere.
    """
    path, text = store.experiment_json(digest), json_text(dump(experiment))
    store.begin_writing(path.parent)
    remove(path)
    Manifest({path.name: FileMark.of_bytes(text.encode())}).write(path.parent)
    write_text(path, text)


def read_experiment(store: LocalStore, kind: type[T], digest: str) -> T:
    """Return what `write_experiment` stored, of the type `kind`.

    Raises:
        UsageError: if the store knows no such experiment.
        NewerError: if a newer headstart wrote the file.
        CheckpointError: if the file is damaged.
    """
    path = store.experiment_json(digest)
    require_whole(path.parent, [path.name], remedy=REMEDY)
    if os.path.lexists(path):
        try:
            return read_record(kind, path)
        except FileNotFoundError as error:
            raise DamageError(path, "it is a link to nothing", remedy=REMEDY) from error
    if any(path.parent.glob("seed-*")):
        raise DamageError(path, "it is missing", remedy=REMEDY)
    raise UsageError(f"no experiment {digest!r} in {store.root}", remedy="  `headstart runs` lists what a store holds.")
