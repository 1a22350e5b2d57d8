"""Runs of a store by their names. Imports no torch."""

from __future__ import annotations

import re

from headstart.errors import UsageError
from headstart.experiments.experiment import Run, StoredExperiment
from headstart.store.local import LocalStore


def find_run(store: LocalStore, name: str) -> Run:
    """Return a stored run by `<digest>/<seed>`; the beginning of the digest is enough where it is unambiguous.

    Raises:
        UsageError: if no run or more than one has that name.
    """
    digest, has_seed, seed = name.partition("/")
    if not has_seed or re.fullmatch("(seed-)?[0-9]{1,19}", seed) is None:
        raise UsageError(
            f"cannot read the run {name!r}", allowed="  A run is written <digest>/<seed>, as `headstart runs` lists it."
        )
    digests = sorted(path.parent.name for path in store.root.glob(f"{digest}*/experiment.json") if digest.isalnum())
    if len(digests) != 1:
        found = "no experiment" if not digests else f"{len(digests)} experiments"
        raise UsageError(f"{found} in {store.root} begins with {digest!r}", remedy="  `headstart runs` lists them.")
    stored = store.read_experiment(StoredExperiment, digests[0])
    return stored.run(digests[0], int(seed.removeprefix("seed-")))
