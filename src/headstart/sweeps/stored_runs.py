"""Runs of a store by their names. Imports no torch."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import replace
from pathlib import Path

from headstart.errors import CheckpointError, DamageError, UsageError
from headstart.experiments.experiment import Run, StoredExperiment
from headstart.safe_files import read_json
from headstart.store.damage import damage_of
from headstart.store.experiments import REMEDY, read_experiment, write_experiment
from headstart.store.layout import EXPERIMENT_FILE
from headstart.store.local import LocalStore
from headstart.store.schema import SCHEMA_VERSION, schema_of

_log = logging.getLogger(__name__)


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
    return read_in_place(store, digests[0]).run(digests[0], int(seed.removeprefix("seed-")))


def _is_experiment(folder: Path) -> bool:
    return os.path.lexists(folder / EXPERIMENT_FILE) or any(folder.glob("seed-*"))


def read_in_place(store: LocalStore, digest: str) -> StoredExperiment:
    """Return a stored experiment, which is the one that its folder is named after.

    One of an older schema had another digest and is believed. In one of today's a recorded digest, which would stand
    for what the experiment says, does not count.

    Raises:
        UsageError: if the store knows no such experiment.
        NewerError: if a newer headstart wrote it.
        DamageError: if its file is damaged, or describes another experiment.
    """
    path = store.experiment_json(digest)
    try:
        stored = read_experiment(store, StoredExperiment, digest)
        own = replace(stored.experiment, recorded_digest="")
        if own.digest != digest and schema_of(read_json(path)) == SCHEMA_VERSION:
            raise DamageError(path, "it describes another experiment than its folder is named after")
    except CheckpointError as error:
        raise DamageError(path, damage_of(error, path).what, remedy=REMEDY) from error
    return stored


def require_stored(store: LocalStore, run: Run) -> None:
    """Have the store say what a run's experiment is; what is there, whole and in its place stays."""
    digest = run.experiment.digest
    path = store.experiment_json(digest)
    if os.path.lexists(path):
        if run.experiment.recorded_digest:  # No digest of ours can be held against it.
            return
        try:
            read_in_place(store, digest)
            return
        except DamageError as error:
            _log.warning("%s is written again: %s", path, damage_of(error, path).what)
    write_experiment(store, digest, StoredExperiment(experiment=run.experiment, source=run.source.at(0)))
