"""A run to do, as another process of this machine is told of it."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.experiments.experiment import Run
from headstart.store.local import LocalStore
from headstart.training.config import RunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A run to do, and the store that keeps it."""

    run: Run
    store: LocalStore
    options: RunOptions
