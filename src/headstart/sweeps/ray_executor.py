"""Runs as tasks of Ray, on one machine or on many, without a disk that all of them see.

What a run reads (its rows, its model's files, what is stored of it) goes to the machine that does it, and what it
leaves comes back into the store here, checkpoints on the way included. The runs that are away are claimed here, so that
other processes of this store leave them alone.

Ray itself tries nothing again: it would begin a task anew whose result was lost, and say nothing. Here a run that was
lost with its machine is sent again, with the last that came back of it.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from headstart.errors import HeadstartError, UsageError
from headstart.experiments.experiment import Key, Run
from headstart.experiments.run_data import RunDataCache
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

CONNECT_SECONDS = 10.0
LOOK_SECONDS = 0.5
"""Between two looks at what came back."""
MOST_AWAY = 2
"""Runs that wait at Ray for each that it can do at once: enough that no machine waits."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Ray, connected.

    Attributes:
        cores_per_run: each run is one task with so many.
        gpus_per_run: or a part of one; 0 on the CPU.
    """

    cores_per_run: int
    gpus_per_run: float

    @property
    def at_once(self) -> int:
        """How many runs there is room for now."""
        found = ray.cluster_resources()
        by_cores = found.get("CPU", 0) / self.cores_per_run
        by_gpus = found.get("GPU", 0) / self.gpus_per_run if self.gpus_per_run else by_cores
        return max(1, int(min(by_cores, by_gpus)))

    def sentence(self) -> str:
        """Say what there is, and how a machine joins."""
        found = ray.cluster_resources()
        nodes = sum(each["Alive"] for each in ray.nodes())
        gpus = f", {found['GPU']:g} GPUs" if found.get("GPU") else ""
        join = f"ray start --address={ray.get_runtime_context().gcs_address}"
        return f"Ray: {nodes} nodes, {found.get('CPU', 0):g} cores{gpus}; another machine joins by: {join}"


@contextmanager
def connected(address: str | None, *, cores_per_run: int, gpus_per_run: float) -> Iterator[Cluster]:
    """Yield a cluster: the one at an address, or this machine alone.

    Raises:
        UsageError: if there is no cluster at the address.
    """
    was_connected = ray.is_initialized()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray tells its makers of each cluster otherwise.
    if not was_connected:
        try:
            _require_listener(address)
            ray.init(
                address=address or "local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
            )
        except (OSError, ValueError) as error:
            raise UsageError(
                f"`ray_address` {address}: there is no cluster ({error})",
                remedy="  Start one: `ray start --head` on one machine, and on the others the line that it prints.",
            ) from error
    try:
        yield Cluster(cores_per_run=cores_per_run, gpus_per_run=gpus_per_run)
    finally:
        if not was_connected:
            ray.shutdown()


def _require_listener(address: str | None) -> None:
    """Hold that somebody listens at HOST:PORT: Ray itself tries for minutes, and says nothing meanwhile.

    Raises:
        OSError: if nobody does.
        ValueError: if the port is no number.
    """
    host, has_port, port = (address or "").rpartition(":")
    if has_port:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()


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
        mailbox = ray.remote(_Mailbox).options(num_cpus=0, resources=_here()).remote()
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
        room = MOST_AWAY * self.executor.cluster.at_once - len(self._away)
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
        task = ray.remote(_do).options(num_cpus=cluster.cores_per_run, num_gpus=cluster.gpus_per_run, max_retries=0)
        rows, model = run.source.whole.at(0), run.experiment.model
        cache = self.executor.cache
        things = Things(
            rows=self._reference(rows, lambda: cache.rows.read(rows)),
            model=self._reference(model, lambda: sent_model(cache.model(model))),
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


def _here() -> dict[str, float]:
    """Return a resource that only this machine has: what is asked for with it stays here."""
    node = ray.get_runtime_context().get_node_id()
    nodes = ray.nodes()
    name = next(each["NodeManagerAddress"] for each in nodes if each["NodeID"] == node)
    return {f"node:{name}": 0.001}


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
    import torch

    from headstart.models.quiet import quiet_transformers

    quiet_transformers()
    versions = dict(library_versions())
    if versions != parcel.versions:
        return _other_versions(versions, parcel.versions)
    torch.set_num_threads(parcel.threads)  # a process keeps those of its first task
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


def _other_versions(here: Mapping[str, str], there: Mapping[str, str]) -> UsageError:
    differ = sorted(name for name in {*here, *there} if here.get(name) != there.get(name))
    said = ", ".join(f"{name} {here.get(name, 'missing')} and not {there.get(name, 'missing')}" for name in differ)
    return UsageError(
        f"a machine of the cluster has other versions: {said}",
        remedy="  Install the same on all machines: scores of different versions are not compared.",
    )
