"""Rows that wait for a model are computed together: requests come from the event loop, one thread computes.

Between two batches the thread reads what has arrived meanwhile, so that a row waits for one batch and not for the
whole queue before it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise
from threading import Condition, Thread
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from headstart_runtime.errors import InputError
from headstart_runtime.model import Model
from headstart_runtime.reader import Tokens
from headstart_runtime.rows import Sequences
from headstart_runtime.server.faults import log_fault
from headstart_runtime.server.metrics import Metrics
from headstart_runtime.server.next_batch import next_batch
from headstart_runtime.server.options import ServeOptions
from headstart_runtime.server.refusal import Refusal, busy, stopping

Array = npt.NDArray[np.float32]
T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Job:
    """The rows of one request, until they are answered.

    Attributes:
        sequences: as they came.
        size: sequences that it has in the queue.
        future: of the event loop; gets the logits of its rows.
        arrived: on the clock `time.monotonic`, seconds.
        counts: sequences of each row, once they are read; None where each has one.
        logits: of each sequence, once they are read; filled batch by batch.
        num_missing: sequences whose logits are missing.
    """

    sequences: Sequences
    size: int
    future: asyncio.Future[Array]
    arrived: float = field(default_factory=time.monotonic)
    counts: list[int] | None = None
    logits: Array = field(default_factory=lambda: np.empty((0, 0), np.float32))
    num_missing: int = 0

    @property
    def is_begun(self) -> bool:
        """Whether some of it is computed."""
        return self.num_missing < self.size


@dataclass(eq=False, slots=True)
class Waiting:
    """A sequence of a job that waits to be computed: its tokens, and its place in the job."""

    job: Job
    place: int
    tokens: Tokens


class Batcher:
    """A model, the rows that wait for it, and the thread that computes them.

    Args:
        name: of the model, in the metrics.
        model: computes.
        options: bounds of the queue, of a request and of a batch.
        metrics: are told of every batch.
    """

    def __init__(self, name: str, model: Model, options: ServeOptions, metrics: Metrics) -> None:
        self.model = model
        self._options = options
        self._batch_rows = metrics.batch_rows.labels(name)
        self._batch_seconds = metrics.batch_seconds.labels(name)
        metrics.waiting_rows.labels(name).set_function(lambda: self._num_waiting)
        self._loop = asyncio.get_running_loop()
        self._changed = Condition()
        self._arrived: list[Job] = []
        self._num_waiting = 0
        self._is_stopping = False
        self._pool: list[Waiting] = []
        self._thread = Thread(target=self._work, name=f"batches of {name}")
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether its thread computes."""
        return self._thread.is_alive()

    async def logits(self, sequences: Sequences) -> tuple[Array, list[int] | None]:
        """Return the logits of sequences [s, k] and how many each row has, as `Model.row_logits` takes them.

        Raises:
            Refusal: if the queue is full, they waited too long, the server stops, or they are too many.
            InputError: if a text cannot be read.
        """
        job = Job(sequences, len(sequences.columns[0]), self._loop.create_future())
        self._check_size(job.size)
        with self._changed:
            if self._is_stopping:
                raise stopping()
            if self._num_waiting + job.size > self._options.max_waiting_rows:
                raise busy(f"{self._num_waiting} rows are waiting, and {self._options.max_waiting_rows} may")
            self._num_waiting += job.size
            self._arrived.append(job)
            self._changed.notify()
        return await job.future, job.counts

    def stop(self) -> None:
        """Refuse what waits, and return when the batch that is computed now is done."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        try:
            while self._is_told_to_go_on():
                self._admit(self._take_arrivals())
                self._refuse_late()
                if self._pool:
                    self._compute()
        except Exception as error:
            log_fault("the thread of a model ended", error)
        finally:
            with self._changed:
                self._is_stopping = True
            self._refuse({*self._take_arrivals(), *(each.job for each in self._pool)}, stopping)

    def _is_told_to_go_on(self) -> bool:
        """Wait until there is something to do; tell whether that is to compute."""
        with self._changed:
            self._changed.wait_for(lambda: self._arrived or self._pool or self._is_stopping)
            return not self._is_stopping

    def _take_arrivals(self) -> list[Job]:
        with self._changed:
            arrived, self._arrived = self._arrived, []
        return arrived

    def _admit(self, jobs: Sequence[Job]) -> None:
        """Read the texts of jobs and put their sequences into the pool."""
        if not jobs:
            return
        try:
            read = self._read_together(jobs)
        except BaseException:  # of one of them, which is to fail alone; a panic of tokenizers is no Exception
            read = [found for job in jobs if (found := self._read_alone(job)) is not None]
        for job, tokens, counts in read:
            self._enter(job, tokens, counts)

    def _read_together(self, jobs: Sequence[Job]) -> list[tuple[Job, list[Tokens], list[int] | None]]:
        columns = tuple(list(chain(*parts)) for parts in zip(*(job.sequences.columns for job in jobs), strict=True))
        choices = [job.sequences.num_choices or [] for job in jobs]
        has_choices = self.model.description.has_choices
        tokens, counts = self.model.tokens(Sequences(columns, list(chain(*choices)) if has_choices else None))
        if counts is None:
            parts = _cut(tokens, [job.size for job in jobs])
            return [(job, part, None) for job, part in zip(jobs, parts, strict=True)]
        each = _cut(counts, [len(some) for some in choices] if has_choices else [job.size for job in jobs])
        parts = _cut(tokens, [sum(some) for some in each])
        return list(zip(jobs, parts, each, strict=True))

    def _read_alone(self, job: Job) -> tuple[Job, list[Tokens], list[int] | None] | None:
        try:
            tokens, counts = self.model.tokens(job.sequences)
        except InputError as error:
            self._finish([(job, error)])
        except BaseException as error:
            log_fault("texts could not be read", error)
            self._finish([(job, _fault())])
        else:
            return job, tokens, counts
        return None

    def _enter(self, job: Job, tokens: Sequence[Tokens], counts: list[int] | None) -> None:
        try:
            self._check_size(len(tokens))
        except Refusal as error:
            self._finish([(job, error)])
            return
        with self._changed:
            self._num_waiting += len(tokens) - job.size
        job.counts, job.size, job.num_missing = counts, len(tokens), len(tokens)
        job.logits = np.empty((len(tokens), self.model.description.num_logits), np.float32)
        self._pool += [Waiting(job, place, each) for place, each in enumerate(tokens)]

    def _check_size(self, num_sequences: int) -> None:
        most = self._options.max_request_rows
        if num_sequences > most:
            said = f"the request makes {num_sequences} rows, choices and windows of long texts included; {most} may be"
            raise Refusal(413, said)

    def _refuse_late(self) -> None:
        oldest = time.monotonic() - self._options.max_wait_s
        late = {each.job for each in self._pool if each.job.arrived < oldest and not each.job.is_begun}
        if late:
            self._refuse(late, lambda: busy(f"no batch was free within {self._options.max_wait_s:g} seconds"))

    def _compute(self) -> None:
        """Compute one batch, and answer the jobs that are complete with it."""
        chosen = set(
            next_batch(
                [len(each.tokens.ids) for each in self._pool],
                self.model.description.batches,
                self._options.batch_size,
            )
        )
        batch = [each for place, each in enumerate(self._pool) if place in chosen]
        self._pool = [each for place, each in enumerate(self._pool) if place not in chosen]
        begin = time.monotonic()
        try:
            logits = self.model.network.batch_logits([each.tokens for each in batch])
        except Exception as error:  # onnxruntime raises one of a dozen types
            log_fault("a batch could not be computed", error)
            self._refuse({each.job for each in batch}, _fault)
            return
        self._batch_seconds.observe(time.monotonic() - begin)
        self._batch_rows.observe(len(batch))
        for each, row in zip(batch, logits, strict=True):
            each.job.logits[each.place] = row
            each.job.num_missing -= 1
        done = {each.job for each in batch if not each.job.num_missing}
        self._finish([(job, job.logits) for job in done])

    def _refuse(self, jobs: set[Job], refusal: Callable[[], Refusal]) -> None:
        """Answer jobs with a refusal, and forget what of them waits."""
        self._pool = [each for each in self._pool if each.job not in jobs]
        self._finish([(job, refusal()) for job in jobs])

    def _finish(self, ends: Sequence[tuple[Job, Array | Exception]]) -> None:
        if not ends:
            return
        with self._changed:
            self._num_waiting -= sum(job.size for job, _ in ends)
        self._loop.call_soon_threadsafe(_deliver, ends)


def _deliver(ends: Sequence[tuple[Job, Array | Exception]]) -> None:
    """Give jobs their ends; on the event loop. Who has gone away gets none."""
    for job, end in ends:
        if job.future.done():
            continue
        if isinstance(end, Exception):
            job.future.set_exception(end)
        else:
            job.future.set_result(end)


def _fault() -> Refusal:
    return Refusal(500, "the model failed on these rows; the server's log says where")


def _cut(values: Sequence[T], sizes: Sequence[int]) -> list[list[T]]:
    """Return values in parts of these sizes, in their order."""
    return [list(values[begin:end]) for begin, end in pairwise(accumulate(sizes, initial=0))]
