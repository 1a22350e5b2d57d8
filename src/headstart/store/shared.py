"""A store on a disk of a network, which processes on several machines share: its claims are leases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from headstart.store.lease import Lease, Leases
from headstart.store.local import LocalStore, remove_leftovers
from headstart.store.record import RunRecord


@dataclass(frozen=True, slots=True)
class SharedStore(LocalStore):
    """A `LocalStore` for which no lock of the operating system has to work."""

    _leases: Leases = field(default_factory=Leases, repr=False, compare=False)
    _held: dict[tuple[str, int], Lease] = field(default_factory=dict, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedStore, (self.root,)  # who gets it holds nothing yet

    @contextmanager
    def claim(self, digest: str, seed: int) -> Iterator[bool]:
        """Try to take a run's lease, without waiting; yields whether it is ours inside the block.

        Raises:
            DamageError: if the run's folder is or holds a link: somebody else made it.
        """
        folder = self._prepared(digest, seed)
        lease = self._leases.take(folder.folder)
        if lease is None:
            yield False
            return
        self._held[digest, seed] = lease
        try:
            remove_leftovers(folder)
            yield True
        finally:
            del self._held[digest, seed]
            lease.release()

    def require_claimed(self, digest: str, seed: int) -> None:
        """Hold that a run is still ours to write.

        Raises:
            ClaimLostError: if another process took it over.
        """
        lease = self._held.get((digest, seed))
        if lease is not None:
            lease.require_held()

    def is_lost(self, digest: str, seed: int) -> bool:
        """Whether another process took a run over, as far as is known: nothing is read."""
        lease = self._held.get((digest, seed))
        return lease is not None and lease.is_lost

    def finish(self, record: RunRecord) -> None:
        """Store the record of a finished run, if it is still ours."""
        self.require_claimed(record.experiment_digest, record.seed)
        LocalStore.finish(self, record)

    def fail(self, record: RunRecord) -> None:
        """Store the record of a run that failed, if it is still ours."""
        self.require_claimed(record.experiment_digest, record.seed)
        LocalStore.fail(self, record)
