"""Rows that wait for a model are computed together: requests come from the event loop, threads compute.

Between two batches a thread reads what has arrived meanwhile, so that a row waits for a batch and not for the whole
queue before it. There are two threads: while one prepares and hands out, the other computes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from threading import Condition, Thread

import numpy as np

from headstart_runtime.answers import Array
from headstart_runtime.model import Model
from headstart_runtime.rows import Sequences
from headstart_runtime.server.faults import log_fault
from headstart_runtime.server.jobs import Job, Read, Waiting, fault, read_jobs
from headstart_runtime.server.metrics import Metrics
from headstart_runtime.server.next_batch import next_batch
from headstart_runtime.server.options import ServeOptions
from headstart_runtime.server.refusal import Refusal, busy, stopping

NUM_THREADS = 2

Ends = list[tuple[Job, Array | Exception]]


class Batcher:
    """A model, the rows that wait for it, and the threads that compute them.

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
        """Held by whoever reads or changes what follows."""
        self._arrived: list[Job] = []
        self._pool: list[Waiting] = []
        self._num_waiting = 0
        self._num_idle = 0
        self._is_stopping = False
        self._threads = [Thread(target=self._work, name=f"{name} {number}") for number in range(NUM_THREADS)]
        for thread in self._threads:
            thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether its threads compute."""
        return all(thread.is_alive() for thread in self._threads)

    async def logits(self, sequences: Sequences) -> tuple[Array, list[int] | None]:
        """Return the logits of sequences [s, k] and how many each row has, as `Model.row_logits` takes them.

        Raises:
            Refusal: if the queue is full, they waited too long, the server stops, or they are too many.
            InputError: if a text or an image cannot be read.
        """
        job = Job(sequences, len(sequences.columns[0]), self._loop.create_future())
        if job.size > self._options.max_request_rows:
            raise self._too_many(job.size)
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
        """Refuse what waits, and return when the batches that are computed now are done."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        try:
            while (arrived := self._wait()) is not None:
                self._admit(arrived)
                if batch := self._take_batch():
                    self._compute(batch)
        except Exception as error:
            log_fault("a thread of a model ended", error)
        finally:
            with self._changed:
                self._is_stopping = True
                self._changed.notify_all()
                self._refuse({*self._arrived, *(each.job for each in self._pool)}, stopping)

    def _wait(self) -> list[Job] | None:
        """Wait until there is something to do; return the jobs that have arrived, None when it is time to stop."""
        with self._changed:
            self._num_idle += 1
            self._changed.wait_for(lambda: self._arrived or self._pool or self._is_stopping)
            self._num_idle -= 1
            if self._is_stopping:
                return None
            self._refuse_late()
            arrived, self._arrived = self._arrived, []
        return arrived

    def _admit(self, jobs: Sequence[Job]) -> None:
        """Read the rows of jobs, and put their sequences into the pool."""
        if not jobs:
            return
        begin = time.monotonic()
        read = read_jobs(self.model, jobs)
        seconds = time.monotonic() - begin
        with self._changed:
            for job, found in zip(jobs, read, strict=True):
                job.read_seconds = seconds
                if not isinstance(found, Read):
                    self._finish([(job, found)])
                elif len(found.inputs) > self._options.max_request_rows:
                    self._finish([(job, self._too_many(len(found.inputs)))])
                else:
                    self._enter(job, found)

    def _enter(self, job: Job, read: Read) -> None:
        size = len(read.inputs)
        self._num_waiting += size - job.size
        job.counts, job.size, job.num_missing = read.counts, size, size
        job.logits = np.empty((size, self.model.description.num_logits), np.float32)
        self._pool += [Waiting(job, place, each) for place, each in enumerate(read.inputs)]

    def _too_many(self, num_rows: int) -> Refusal:
        said = f"the request makes {num_rows} rows, choices and windows of long texts included"
        return Refusal(413, f"{said}; {self._options.max_request_rows} may be")

    def _take_batch(self) -> list[Waiting]:
        """Take out of the pool what is computed next: a share of it where other threads are idle."""
        with self._changed:
            if not self._pool:
                return []
            share = ceil(len(self._pool) / (self._num_idle + 1))
            lengths = [each.input.length for each in self._pool]
            size = min(share, self._options.batch_size)
            chosen = set(next_batch(lengths, self.model.description.batches, size))
            batch = [each for place, each in enumerate(self._pool) if place in chosen]
            self._pool = [each for place, each in enumerate(self._pool) if place not in chosen]
            for each in batch:
                each.job.is_begun = True
            if self._pool:
                self._changed.notify()
        return batch

    def _refuse_late(self) -> None:
        """Refuse what has waited too long, before work goes into it."""
        oldest = time.monotonic() - self._options.max_wait_s
        waiting = {*self._arrived, *(each.job for each in self._pool)}
        late = {job for job in waiting if job.arrived + job.read_seconds < oldest and not job.is_begun}
        if late:
            self._refuse(late, lambda: busy(f"no batch was free within {self._options.max_wait_s:g} seconds"))

    def _compute(self, batch: Sequence[Waiting]) -> None:
        """Compute a batch, and answer the jobs that are complete with it."""
        begin = time.monotonic()
        try:
            logits = self.model.network.batch_logits([each.input for each in batch])
        except Exception as error:  # onnxruntime raises one of a dozen types
            log_fault("a batch could not be computed", error)
            with self._changed:
                self._refuse({each.job for each in batch}, fault)
            return
        self._batch_seconds.observe(time.monotonic() - begin)
        self._batch_rows.observe(len(batch))
        with self._changed:
            for each, row in zip(batch, logits, strict=True):
                each.job.logits[each.place] = row
                each.job.num_missing -= 1
            self._finish([(job, job.logits) for job in {each.job for each in batch} if not job.num_missing])

    def _refuse(self, jobs: Iterable[Job], refusal: Callable[[], Refusal]) -> None:
        """Answer jobs with a refusal, and forget what of them waits."""
        refused = set(jobs)
        self._arrived = [job for job in self._arrived if job not in refused]
        self._pool = [each for each in self._pool if each.job not in refused]
        self._finish([(job, refusal()) for job in refused])

    def _finish(self, ends: Ends) -> None:
        """Give jobs their ends, but those that have one: a job of two batches can fail in one while the other runs."""
        ends = [(job, end) for job, end in ends if not job.is_over]
        for job, _ in ends:
            job.is_over = True
            self._num_waiting -= job.size
        if ends:
            self._loop.call_soon_threadsafe(_deliver, ends)


def _deliver(ends: Ends) -> None:
    """Wake the requests; on the event loop. Who has gone away is not there any more."""
    for job, end in ends:
        if job.future.done():
            continue
        if isinstance(end, Exception):
            job.future.set_exception(end)
        else:
            job.future.set_result(end)
