"""The rows of requests on their way through the queue, and their texts or images read together.

Letters: s sequences of a job, k logits of a sequence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise
from typing import TypeVar

import numpy as np

from headstart_runtime.answers import Array
from headstart_runtime.errors import InputError
from headstart_runtime.model import Model
from headstart_runtime.network import Input
from headstart_runtime.rows import Sequences
from headstart_runtime.server.faults import log_fault
from headstart_runtime.server.refusal import Refusal

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Job:
    """The rows of one request, until they are answered.

    Attributes:
        sequences: as they came.
        size: sequences that it has in the queue.
        future: of the event loop; gets the logits of its sequences [s, k].
        arrived: on the clock `time.monotonic`, seconds.
        read_seconds: that its rows took to be read, with those of others; in them it does not wait.
        counts: sequences of each row, once they are read; None where each has one.
        logits: [s, k], filled batch by batch.
        num_missing: sequences whose logits are missing.
        is_begun: whether a batch has taken some of it.
        is_over: whether it has its logits or its refusal.
    """

    sequences: Sequences
    size: int
    future: asyncio.Future[Array]
    arrived: float = field(default_factory=time.monotonic)
    read_seconds: float = 0.0
    counts: list[int] | None = None
    logits: Array = field(default_factory=lambda: np.empty((0, 0), np.float32))
    num_missing: int = 0
    is_begun: bool = False
    is_over: bool = False


@dataclass(eq=False, slots=True)
class Waiting:
    """A sequence or an image of a job that waits to be computed: what is read of it, and its place in the job."""

    job: Job
    place: int
    input: Input


@dataclass(frozen=True, slots=True)
class Read:
    """What the rows of a job became: what is computed, and how many sequences each row has (None: one each)."""

    inputs: Sequence[Input]
    counts: list[int] | None


def read_jobs(model: Model, jobs: Sequence[Job]) -> list[Read | InputError | Refusal]:
    """Return what the rows of each job became, or why they cannot be read."""
    try:
        return list(_read_together(model, jobs))
    except BaseException:  # of one of them, which is to fail alone; a panic of tokenizers is no Exception
        return [_read_alone(model, job) for job in jobs]


def _read_together(model: Model, jobs: Sequence[Job]) -> list[Read]:
    columns = tuple(list(chain(*parts)) for parts in zip(*(job.sequences.columns for job in jobs), strict=True))
    has_choices = model.description.has_choices
    choices = [job.sequences.num_choices or [] for job in jobs]
    inputs, counts = model.read(Sequences(columns, list(chain(*choices)) if has_choices else None))
    sizes = [job.size for job in jobs]
    if counts is None:
        return [Read(part, None) for part in _cut(inputs, sizes)]
    each = _cut(counts, [len(some) for some in choices] if has_choices else sizes)
    parts = _cut(inputs, [sum(some) for some in each])
    return [Read(part, some) for part, some in zip(parts, each, strict=True)]


def _read_alone(model: Model, job: Job) -> Read | InputError | Refusal:
    try:
        return Read(*model.read(job.sequences))
    except InputError as error:
        return error
    except BaseException as error:
        log_fault("rows could not be read", error)
        return fault()


def fault() -> Refusal:
    """Return the refusal of rows on which the model failed."""
    return Refusal(500, "the model failed on these rows; the server's log says where")


def _cut(values: Sequence[T], sizes: Sequence[int]) -> list[list[T]]:
    """Return values in parts of these sizes, in their order."""
    return [list(values[begin:end]) for begin, end in pairwise(accumulate(sizes, initial=0))]
