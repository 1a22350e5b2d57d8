"""Processes that train one model together: each takes its rows of every batch, and all have the same weights.

Each process is a whole training of its own, which knows nothing of the others but what stands here: its part of the
rows, and sums over all processes. Nothing else may differ between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import Store
from torch.distributed.rendezvous import rendezvous

from headstart.errors import DivergedError, HeadstartError
from headstart.launcher import Launched
from headstart.machine import is_out_of_memory
from headstart.models.parameters import Digests
from headstart.training.invariants import require_equal

T = TypeVar("T")

WAIT = timedelta(days=30)
"""For each other: the first scores and stores stages while the others wait. Who dies is noticed at once."""
SECONDS_FOR_FIRST = 10.0
"""How long a process that has come to its end, or fails, waits for the first one to end as well."""
ENDED = "headstart/first-has-ended"
CPU = torch.device("cpu")


class LostProcessError(HeadstartError):
    """Of several processes that train together, another one does not answer: mostly it ended, and has said why."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"another process of this training does not answer any more; why, it may have said: {detail}")


class Ranks:
    """The processes of one training, and which of them this is. The first one alone decides, stores and speaks.

    All of them call what exchanges something in the same order.

    Attributes:
        rank: the number of this process, from 0.
        size: how many there are.
        are_in_step: whether all of them are alive, and wait for the same.
    """

    def __init__(self, rank: int = 0, size: int = 1, store: Store | None = None) -> None:
        self.rank, self.size, self._store = rank, size, store
        self.are_in_step = True

    @property
    def is_alone(self) -> bool:
        """Whether there are no others."""
        return self.size == 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that decides, stores and speaks."""
        return self.rank == 0

    def part_of(self, num_rows: int) -> range:
        """Return which rows of a batch are this process's, in order; none where there are fewer rows than processes."""
        each, rest = divmod(num_rows, self.size)
        begin = self.rank * each + min(self.rank, rest)
        return range(begin, begin + each + (self.rank < rest))

    def from_first(self, make: Callable[[], T]) -> T:
        """Return what `make` gives in the first process; in the others it is not called."""
        return self.tell(make()) if self.is_first else self.hear()

    def tell(self, value: T) -> T:
        """Give a value to the others, which hear it; return it."""
        if not self.is_alone:
            self._broadcast(value)
        return value

    def hear(self) -> Any:
        """Return what the first process tells."""
        return self._broadcast(None)

    def _broadcast(self, value: Any) -> Any:
        if not self.are_in_step:
            raise LostProcessError("it is no longer in step with this one")
        values = [value]
        with self._exchange():
            dist.broadcast_object_list(values, src=0, device=CPU)
        return values[0]

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum of a tensor over all processes."""
        if self.is_alone:
            return values
        values = values.clone()
        with self._exchange():
            dist.all_reduce(values)
        return values

    def sum_gradients(self, model: torch.nn.Module) -> None:
        """Sum the gradients of a model over all processes; a parameter that has none anywhere keeps none."""
        if self.is_alone:
            return
        parameters = [each for each in model.parameters() if each.requires_grad]
        has_some = self.total(torch.tensor([each.grad is not None for each in parameters], dtype=torch.int32))
        with self._exchange():
            works = []
            for parameter, number in zip(parameters, has_some.tolist(), strict=True):
                if number and parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                if parameter.grad is not None:
                    works.append(dist.all_reduce(parameter.grad, async_op=True))
            for work in works:
                work.wait()

    def draw_alike(self, device: torch.device) -> None:
        """Draw from here on what the first process draws."""
        if self.is_alone:
            return
        if device.type == "cuda":
            torch.cuda.set_rng_state(self.from_first(lambda: torch.cuda.get_rng_state(device)), device)
        else:
            torch.set_rng_state(self.from_first(torch.get_rng_state))

    def require_same(self, what: str, found: Digests) -> None:
        """Hold tensors to be those of the first process, bit for bit.

        Raises:
            InvariantError: naming those that differ.
        """
        if not self.is_alone:
            require_equal(f"{what} in process {self.rank} of {self.size}", self.from_first(lambda: dict(found)), found)

    @contextmanager
    def in_step(self) -> Iterator[None]:
        """Do in a block what the others do too. Where it fails, they are not told anything more: they wait in vain."""
        try:
            yield
        except DivergedError:  # The loss is that of all rows, so all processes see it.
            raise
        except BaseException:
            self.are_in_step = False
            raise

    def dismiss(self) -> None:
        """Let the others end, where they wait for what to do next."""
        if self.are_in_step:
            with suppress(LostProcessError):  # Who has ended needs no word.
                self.tell(None)

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """Do what takes all processes; say where one of them is no longer there."""
        try:
            yield
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            self.are_in_step = False
            raise LostProcessError(str(error)) from error

    def first_ends(self) -> bool:
        """Wait a little for the first process to come to its end, and return whether it has."""
        try:
            self._store_of_all.wait([ENDED], timedelta(seconds=SECONDS_FOR_FIRST))
        except dist.DistError:
            return False
        return True

    def say_end(self) -> None:
        """Let the others know that this process, the first, has come to its end."""
        self._store_of_all.set(ENDED, "")

    @property
    def _store_of_all(self) -> Store:
        if self._store is None:
            raise ValueError("a process that is alone has nothing to share")
        return self._store


ALONE = Ranks()
_together = [ALONE]


def ranks_of_call() -> Ranks:
    """Return the processes that a call of the command line has, this one among them."""
    return _together[-1]


@contextmanager
def together(launched: Launched) -> Iterator[Ranks]:
    """Join with the other processes of a launcher for a block.

    On GPUs each process has the one of its number on its machine. At the block's end the others are let go.
    """
    has_gpus = torch.cuda.is_available() and dist.is_nccl_available()
    if has_gpus and launched.local_rank < torch.cuda.device_count():
        torch.cuda.set_device(launched.local_rank)
    store, rank, size = next(rendezvous("env://"))
    backend = "cpu:gloo,cuda:nccl" if has_gpus else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=WAIT)
    ranks = Ranks(rank, size, store)
    _together.append(ranks)
    try:
        yield ranks
    finally:
        _together.remove(ranks)
        if ranks.is_first:
            ranks.dismiss()
            ranks.say_end()
        dist.destroy_process_group()
