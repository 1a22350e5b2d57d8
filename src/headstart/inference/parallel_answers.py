"""Answers by several processes at once, each of which answers every n-th chunk of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import cast

from headstart.errors import MachineError
from headstart.inference.answering import Answers, Share, answer
from headstart.inference.forward import Progress
from headstart.processes import LESS_MEMORY, Pipe, Worker, that_travels


@dataclass(frozen=True, slots=True)
class NumDone:
    """Rows of its share that a process has answers to."""

    number: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A process is through with its share, of which so many rows were answered by an earlier call."""

    num_resumed: int


def answer_at_once(answers: Answers, environments: Sequence[Mapping[str, str]], progress: Progress | None) -> int:
    """Answer all chunks that are not answered yet, in a process for each environment; see `answer`.

    Raises:
        MachineError: if a process dies; the pieces that are finished stay.
    """
    workers = [Worker(answer_share, environment) for environment in environments]
    try:
        for place, worker in enumerate(workers):
            worker.send((answers, Share(place, len(workers))))
        return _collected(workers, answers, progress)
    finally:
        for worker in workers:
            worker.end()


def answer_share(pipe: Pipe) -> None:
    """Answer the share that comes through a pipe, and say how far it is."""
    from headstart.models.own_process import prepare_process

    prepare_process()
    for answers, share in pipe.orders():
        try:
            pipe.say(Answered(answer(answers, lambda done, _: pipe.say(NumDone(done)), share)))
        except Exception as error:
            pipe.say(that_travels(error))


def _collected(workers: Sequence[Worker], answers: Answers, progress: Progress | None) -> int:
    """Listen to the workers until all are through; return how many rows an earlier call had answered."""
    at_work = {worker.connection: worker for worker in workers}
    done = dict.fromkeys(at_work, 0)
    num_resumed = 0
    while at_work:
        for ready in wait(list(at_work)):
            connection = cast(Connection, ready)
            match at_work[connection].receive():
                case NumDone(number):
                    done[connection] = number
                    if progress is not None:
                        progress(sum(done.values()), answers.checked.num_rows)
                case Answered(number):
                    num_resumed += number
                    del at_work[connection]
                case Exception() as error:
                    raise error
                case _:
                    raise _death(at_work[connection])
    return num_resumed


def _death(worker: Worker) -> MachineError:
    return MachineError(None, f"a process that answered rows died: {worker.death()}", remedy=LESS_MEMORY)
