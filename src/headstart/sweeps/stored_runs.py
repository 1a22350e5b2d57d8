"""Runs of a store by their names. Imports no torch."""

from __future__ import annotations

from headstart.errors import DamageError, UsageError
from headstart.experiments.experiment import Run, StoredExperiment
from headstart.store.layout import read_json
from headstart.store.local import LocalStore
from headstart.store.schema import SCHEMA_VERSION, schema_of


def find_run(store: LocalStore, name: str) -> Run:
    """Return a stored run by `<digest>/<seed>`; the beginning of the digest is enough where it is unambiguous.

    Raises:
        UsageError: if no run or more than one has that name.
        DamageError: if its experiment is another than the one that the run is stored under.
    """
    digest, has_seed, seed = name.partition("/")
    if not has_seed or not seed.removeprefix("seed-").isdigit():
        raise UsageError(
            f"cannot read the run {name!r}", allowed="  A run is written <digest>/<seed>, as `headstart runs` lists it."
        )
    digests = sorted(path.parent.name for path in store.root.glob(f"{digest}*/experiment.json") if digest.isalnum())
    if len(digests) != 1:
        found = "no experiment" if not digests else f"{len(digests)} experiments"
        raise UsageError(f"{found} in {store.root} begins with {digest!r}", remedy="  `headstart runs` lists them.")
    stored = store.read_experiment(StoredExperiment, digests[0])
    if not is_in_place(store, digests[0]):
        raise DamageError(
            store.experiment_json(digests[0]),
            "it describes another experiment than its folder is named after",
            remedy="  `headstart compare`, called as before, writes it again.",
        )
    return stored.run(digests[0], int(seed.removeprefix("seed-")))


def is_in_place(store: LocalStore, digest: str) -> bool:
    """Return whether a stored experiment is the one that its folder is named after.

    One of an older schema had another digest: it is believed.
    """
    stored = store.read_experiment(StoredExperiment, digest)
    if stored.experiment.digest == digest:
        return True
    return schema_of(read_json(store.experiment_json(digest))) != SCHEMA_VERSION
