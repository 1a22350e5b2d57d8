"""Runs of a store by their names. Imports no torch."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from headstart.errors import CheckpointError, DamageError, UsageError
from headstart.experiments.experiment import Run, StoredExperiment, source_checksum
from headstart.safe_files import read_json
from headstart.store.damage import damage_of
from headstart.store.local import LocalStore
from headstart.store.schema import SCHEMA_VERSION, schema_of

REMEDY = "  `headstart compare`, called as before, writes it again."


def find_run(store: LocalStore, name: str) -> Run:
    """Return a stored run by `<digest>/<seed>`; the beginning of the digest is enough where it is unambiguous.

    Raises:
        UsageError: if no run or more than one has that name.
        DamageError: if its experiment is another than the one that the run is stored under.
    """
    digest, has_seed, seed = name.partition("/")
    if not has_seed or re.fullmatch("(seed-)?[0-9]{1,19}", seed) is None:
        raise UsageError(
            f"cannot read the run {name!r}", allowed="  A run is written <digest>/<seed>, as `headstart runs` lists it."
        )
    # A run is known by its folder: what is damaged in it is to be named.
    digests = sorted(path.name for path in store.root.glob(f"{digest}*") if digest.isalnum() and _is_experiment(path))
    if len(digests) != 1:
        found = "no experiment" if not digests else f"{len(digests)} experiments"
        raise UsageError(f"{found} in {store.root} begins with {digest!r}", remedy="  `headstart runs` lists them.")
    path = store.experiment_json(digests[0])
    try:
        stored = store.read_experiment(StoredExperiment, digests[0])
    except CheckpointError as error:
        raise DamageError(path, damage_of(error, path).what, remedy=REMEDY) from error
    if not is_in_place(store, digests[0]):
        raise DamageError(path, "it is not what its run was made by", remedy=REMEDY)
    return stored.run(digests[0], int(seed.removeprefix("seed-")))


def _is_experiment(folder: Path) -> bool:
    return os.path.lexists(folder / "experiment.json") or any(folder.glob("seed-*"))


def is_in_place(store: LocalStore, digest: str) -> bool:
    """Return whether a stored experiment is the one that its folder is named after, and its source as it was written.

    One of an older schema had another digest, and recorded less: it is believed. In one of today's a recorded digest,
    which would stand for what the experiment says, does not count.
    """
    stored = store.read_experiment(StoredExperiment, digest)
    values = read_json(store.experiment_json(digest))
    if stored.source_checksum and stored.source_checksum != source_checksum(values):
        return False
    own = replace(stored.experiment, recorded_digest="")
    return own.digest == digest or schema_of(values) != SCHEMA_VERSION
