"""Answers by tasks of Ray: each chunk goes to a machine of the cluster, and its answers come back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from headstart.data.user_rows import UnlabelledRows
from headstart.errors import HeadstartError, MachineError
from headstart.inference.answering import Answers, piece_of
from headstart.inference.forward import Progress
from headstart.inference.partial_answers import Piece
from headstart.inference.saved import load_saved_model
from headstart.ray_cluster import Cluster, begin_task
from headstart.store.provenance import library_versions

MOST_LOSSES = 3
"""So often a chunk that was lost with its machine is answered again: wherever that is, its answers are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """What all chunks have in common, as references to objects of Ray, which go to each machine once."""

    answers: Any
    model: Any
    threads: int


def answer_on_cluster(answers: Answers, cluster: Cluster, progress: Progress | None) -> int:
    """Answer all chunks that are not answered yet by tasks of Ray; see `answer`.

    Raises:
        UsageError: if a machine has other versions.
        MachineError: if machines are lost again and again; the pieces that are finished stay.
    """
    journey = _Journey(answers, cluster, progress)
    try:
        for number, chunk in journey.unanswered():
            while cluster.room(len(journey.away)) <= 0:
                journey.receive()
            journey.send(number, chunk)
        while journey.away:
            journey.receive()
    finally:
        for reference in journey.away:
            ray.cancel(reference, force=True)
    return journey.num_resumed


@dataclass(slots=True)
class _Journey:
    """Chunks on their way to the cluster, and pieces on their way back; `away` has the chunks' numbers."""

    answers: Answers
    cluster: Cluster
    progress: Progress | None
    away: dict[Any, int] = field(default_factory=dict)
    num_resumed: int = 0
    _num_done: int = 0
    _things: Things | None = None

    def unanswered(self) -> Iterator[tuple[int, UnlabelledRows]]:
        """Yield the chunks that no earlier call answered, by number."""
        for number, chunk in enumerate(self.answers.rows.chunks()):
            num_rows = chunk.columns.num_rows
            if self.answers.partial.read(number, num_rows) is None:
                yield number, chunk
            else:
                self.num_resumed += num_rows
                self._count(num_rows)

    def send(self, number: int, chunk: UnlabelledRows) -> None:
        """Send a chunk to the cluster; the model goes before the first one."""
        if self._things is None:
            model = load_saved_model(self.answers.folder)
            self._things = Things(
                answers=ray.put(self.answers), model=ray.put(model), threads=self.cluster.cores_per_run
            )
        task = self.cluster.task(_answer, max_retries=MOST_LOSSES)
        self.away[task.remote(chunk, self._things, library_versions())] = number

    def receive(self) -> None:
        """Wait for a piece, and keep it."""
        ended, _ = ray.wait(list(self.away), num_returns=1, fetch_local=True)
        for reference in ended:
            number = self.away.pop(reference)
            piece = _come_back(reference)
            self.answers.partial.write(number, piece)
            self._count(piece.columns.num_rows)

    def _count(self, num_rows: int) -> None:
        self._num_done += num_rows
        if self.progress is not None:
            self.progress(self._num_done, self.answers.checked.num_rows)


def _come_back(reference: Any) -> Piece:
    try:
        found: Piece | HeadstartError = ray.get(reference)
    except RayTaskError:  # a fault of ours: no other machine does better
        raise
    except RayError as error:
        first, *_ = str(error).splitlines() or [type(error).__name__]
        raise MachineError(
            None,
            f"rows were lost {MOST_LOSSES + 1} times with the process or machine that answered them: {first}",
            remedy="  Where memory is too little, give a smaller `batch_size`.",
        ) from error
    if isinstance(found, HeadstartError):
        raise found
    return found


_KNOWN: dict[Things, tuple[Any, Any]] = {}
"""What chunks of one process share: Ray does one after another in it."""


def _answer(chunk: UnlabelledRows, things: Things, versions: Mapping[str, str]) -> Piece | HeadstartError:
    """Answer a chunk where Ray has it done; `versions` are those of the machine that sent it."""
    if (refused := begin_task(versions, things.threads)) is not None:
        return refused
    if things not in _KNOWN:
        _KNOWN.clear()
        _KNOWN[things] = tuple(ray.get([things.answers, things.model]))
    answers, model = _KNOWN[things]
    try:
        return piece_of(answers, chunk, model)
    except HeadstartError as error:
        return error
