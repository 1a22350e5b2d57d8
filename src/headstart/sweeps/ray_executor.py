"""Runs as tasks of Ray, on one machine or on many, without a disk that all of them see.

What a run reads (its rows, its model's files, what is stored of it) goes to the machine that does it, and what it
leaves comes back into the store here, checkpoints on the way included. The runs that are away are claimed here, so that
other processes of this store leave them alone.

Ray itself tries nothing again: it would begin a task anew whose result was lost, and say nothing. Here a run that was
lost with its machine is sent again, with the last that came back of it.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from headstart.errors import HeadstartError, UsageError
from headstart.experiments.experiment import Key, Run
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.ray_cluster import Cluster, begin_task, this_machine
from headstart.store.layout import RunFolder
from headstart.store.local import LocalStore
from headstart.store.provenance import library_versions
from headstart.store.record import RunRecord
from headstart.store.shared import SharedStore
from headstart.sweeps.attempt import Attempts
from headstart.sweeps.executor import POLL_SECONDS, Event, SweepEvent, SweepListener
from headstart.sweeps.run_length import longest_first
from headstart.sweeps.travel import Files, cache_of, files_of_run, sent_model, take_in, write_files
from headstart.training.config import RunOptions

LOOK_SECONDS = 0.5
"""Between two looks at what came back."""
MOST_LOSSES = 3
"""So many machines that are lost with a run are its own fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A run on its way, and what is stored of it already.

    Attributes:
        store: where it is kept, on a disk that all machines see; None where what it leaves comes back.
    """

    run: Run
    options: RunOptions
    files: Files
    store: SharedStore | None
    versions: Mapping[str, str]
    command: Sequence[str]
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """What a run reads, as references to objects of Ray."""

    rows: Any
    model: Any


@dataclass(frozen=True, slots=True)
class CameBack:
    """What a store holds of a run, finished or not."""

    run: Run
    files: Files


@dataclass(frozen=True, slots=True)
class RayExecutor:
    """An `Executor` that sends runs to a cluster.

    Attributes:
        store: where runs are kept, here.
        options: of all runs.
        listener: told of every run.
        cache: of planning; what runs read is taken from it.
    """

    cluster: Cluster
    store: LocalStore
    options: RunOptions
    listener: SweepListener
    cache: RunDataCache

    def elsewhere(self, store: LocalStore, options: RunOptions) -> RayExecutor:
        """Return an executor on the same cluster, with the same listener, that keeps its runs in another store."""
        return replace(self, store=store, options=options)

    def execute(self, runs: Sequence[Run]) -> list[RunRecord]:
        """Have all runs finished, as `Executor.execute` says."""
        attempts = Attempts(self.store, self.options, self.listener, self.cache)
        records, missing = attempts.begin(runs)
        if missing:
            waiting = deque(longest_first(missing, self.cache))
            records |= _Journey(self, attempts, waiting).records()
        return [records[run.key] for run in runs]


@dataclass(slots=True)
class _Away:
    """A run that is at the cluster; `claim` holds it here."""

    run: Run
    claim: ExitStack


@dataclass(slots=True)
class _Journey:
    """One call's runs on their way to the cluster and back."""

    executor: RayExecutor
    attempts: Attempts
    waiting: deque[Run]
    _away: dict[Any, _Away] = field(default_factory=dict)
    _sent: dict[object, Any] = field(default_factory=dict)
    _losses: Counter[Key] = field(default_factory=Counter)
    _records: dict[Key, RunRecord] = field(default_factory=dict)
    _later: float = 0.0

    def records(self) -> dict[Key, RunRecord]:
        """Return the records of all runs, once they are there."""
        mailbox = ray.remote(_Mailbox).options(num_cpus=0, resources=this_machine()).remote()
        try:
            while self.waiting or self._away:
                self._send(mailbox)
                self._receive(mailbox)
        finally:
            for reference in self._away:
                ray.cancel(reference, force=True)
            for away in self._away.values():
                away.claim.close()
            ray.kill(mailbox)
        return self._records

    @property
    def _shared(self) -> SharedStore | None:
        store = self.executor.store
        return store if isinstance(store, SharedStore) else None

    def _send(self, mailbox: Any) -> None:
        """Send runs while there is room, but for those that another process of this store has."""
        room = self.executor.cluster.room(len(self._away))
        if time.monotonic() < self._later:
            return
        for _ in range(min(room, len(self.waiting))):
            run, claim = self.waiting.popleft(), ExitStack()
            if self._shared is None and not claim.enter_context(self.executor.store.claim(*run.key)):
                self._wait_for(run)
                continue
            if (done := self.attempts.ended(run)) is not None:
                self._records[run.key] = done
                claim.close()
                continue
            self._away[self._sent_off(run, mailbox)] = _Away(run, claim)

    def _wait_for(self, run: Run) -> None:
        """Have a run that another process of this store has tried again in a while."""
        self.executor.listener(SweepEvent(kind=Event.ELSEWHERE, run=run))
        self.waiting.append(run)
        self._later = time.monotonic() + POLL_SECONDS

    def _sent_off(self, run: Run, mailbox: Any) -> Any:
        cluster = self.executor.cluster
        parcel = Parcel(
            run=run,
            options=self.executor.options,
            files={} if self._shared else files_of_run(self.executor.store.run_folder(*run.key)),
            store=self._shared,
            versions=dict(library_versions()),
            command=sys.argv,
            threads=cluster.cores_per_run,
        )
        task = cluster.task(_do, max_retries=0)
        rows, model = run.source.whole.at(0), (run.experiment.model, run.experiment.model_revision)
        cache = self.executor.cache
        things = Things(
            rows=self._reference(rows, lambda: cache.rows.read(rows)),
            model=self._reference(model, lambda: sent_model(RunData.of(run, cache).model)),
        )
        return task.remote(parcel, things, mailbox)

    def _reference(self, what: object, make: Callable[[], object]) -> Any:
        """Return an object of Ray, which goes to each machine once."""
        if what not in self._sent:
            self._sent[what] = ray.put(make())
        return self._sent[what]

    def _receive(self, mailbox: Any) -> None:
        if not self._away:  # other processes have all that is left
            time.sleep(LOOK_SECONDS)
            return
        ended, _ = ray.wait(list(self._away), num_returns=1, timeout=LOOK_SECONDS, fetch_local=True)
        for letter in ray.get(mailbox.take.remote()):
            self._read(letter)
        for reference in ended:
            away = self._away.pop(reference)
            with away.claim:
                self._end(away.run, reference)

    def _read(self, letter: Any) -> None:
        match letter:
            case SweepEvent():
                self.executor.listener(letter)
            case CameBack(run, files):
                if any(away.run.key == run.key for away in self._away.values()):
                    take_in(self.executor.store.run_folder(*run.key), files)

    def _end(self, run: Run, reference: Any) -> None:
        try:
            found: CameBack | HeadstartError = ray.get(reference)
        except RayTaskError:  # a fault of ours, or of the machine's disk: no other machine does better
            raise
        except RayError as error:
            self._lost(run, error)
            return
        if isinstance(found, HeadstartError):
            raise found
        if self._shared is None:
            take_in(self.executor.store.run_folder(*run.key), found.files)
        record = self.executor.store.record(*run.key)
        if record is None and self._shared is not None:  # another process has it
            self._wait_for(run)
            return
        if record is None:
            self._lost(run, UsageError("what came back is damaged"))
            return
        self._records[run.key] = record
        self.executor.listener(SweepEvent(kind=Event.ENDED, run=run, record=record))

    def _lost(self, run: Run, error: Exception) -> None:
        self._losses[run.key] += 1
        first, *_ = str(error).splitlines() or [type(error).__name__]
        logging.getLogger(__name__).warning("%s was lost with its machine: %s", run, first)
        if self._losses[run.key] < MOST_LOSSES:
            self.waiting.appendleft(run)
            return
        why = f"the process or machine that did it was lost {MOST_LOSSES} times: {first}"
        self._records[run.key] = self.attempts.give_up(run, why)


class _Mailbox:
    """What runs say on their way, until it is fetched."""

    def __init__(self) -> None:
        self._letters: list[Any] = []

    def put(self, letter: Any) -> None:
        self._letters.append(letter)

    def take(self) -> list[Any]:
        letters, self._letters = self._letters, []
        return letters


_CACHES: dict[Things, RunDataCache] = {}
"""What runs of one process share: Ray does one after another in it."""


def _do(parcel: Parcel, things: Things, mailbox: Any) -> CameBack | HeadstartError:
    """Do a run where Ray has it done, and return what is stored of it."""
    if (refused := begin_task(parcel.versions, parcel.threads)) is not None:
        return refused
    sys.argv = list(parcel.command)
    if things not in _CACHES:
        _CACHES[things] = cache_of(*ray.get([things.rows, things.model]))
    run = parcel.run
    if parcel.store is not None:
        _attempt(parcel, parcel.store, _Speaker(None, run, mailbox), _CACHES[things])
        return CameBack(run, {})
    with tempfile.TemporaryDirectory(prefix="headstart-") as folder:
        store = LocalStore(Path(folder) / "store")
        store.mark()
        write_files(store.root, parcel.files)
        own = store.run_folder(*run.key)
        _attempt(parcel, store, _Speaker(own, run, mailbox), _CACHES[things])
        return CameBack(run, files_of_run(own))


def _attempt(parcel: Parcel, store: LocalStore, speaker: _Speaker, cache: RunDataCache) -> None:
    attempts = Attempts(store, parcel.options, speaker.listen, cache)
    attempts.prepare([parcel.run])
    attempts.attempt(parcel.run)


class _Speaker:
    """Tells the other end how far a run is, and sends what it could go on from, where it has a folder of its own."""

    def __init__(self, folder: RunFolder | None, run: Run, mailbox: Any) -> None:
        self._folder, self._run, self._mailbox = folder, run, mailbox
        self._told = 0.0
        self._sent: frozenset[tuple[str, int]] = frozenset()

    def listen(self, event: SweepEvent) -> None:
        progress = event.progress
        if event.kind is Event.ENDED:  # told once all is in the store
            return
        if progress is not None and progress.step < progress.num_steps:
            if time.monotonic() - self._told < LOOK_SECONDS:
                return
            self._told = time.monotonic()
            if self._folder is not None:
                self._send_what_is_new(self._folder)
        self._mailbox.put.remote(event)

    def _send_what_is_new(self, folder: RunFolder) -> None:
        """Send all that is stored, where a stage or a checkpoint was finished since the last time."""
        marks = [*folder.folder.glob("*/stage.json"), *folder.folder.glob("*/checkpoint.json")]
        found = frozenset((str(path), path.stat().st_mtime_ns) for path in marks)
        if found != self._sent:
            self._sent = found
            self._mailbox.put.remote(CameBack(self._run, files_of_run(folder)))
