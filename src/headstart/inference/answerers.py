"""Who answers the rows of a file: this process, several processes at once, or the machines of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from headstart.executor_options import ExecutorOptions
from headstart.inference.answering import Answers, answer
from headstart.inference.forward import Progress
from headstart.inference.parallel_answers import answer_at_once
from headstart.ray_cluster import connected

Answerer = Callable[[Answers, Progress | None], int]
"""Answers every chunk that is not answered yet, and returns the number of rows that were."""


@contextmanager
def open_answerer(asked: ExecutorOptions, device: str) -> Iterator[Answerer]:
    """Yield who answers, on a device, "cpu" or "cuda".

    Raises:
        UsageError: if this machine does not have what was asked for.
    """
    if asked.executor == "ray":
        with connected(asked, device) as cluster:
            from headstart.inference.ray_answers import answer_on_cluster

            yield lambda answers, progress: answer_on_cluster(answers, cluster, progress)
    elif asked.num_jobs == 1:
        yield answer
    else:
        environments = asked.environments(device)
        yield lambda answers, progress: answer_at_once(answers, environments, progress)
