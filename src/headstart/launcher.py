"""What a launcher of several processes, such as torchrun or `accelerate launch`, says to each of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

RANK, LOCAL_RANK, SIZE, LOCAL_SIZE = "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"
OF_MPI = ("PMI_", "OMPI_COMM_WORLD_", "MV2_COMM_WORLD_")
"""How the variables of MPI's launchers begin, which accelerate reads as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """One of several processes that a launcher started for one call.

    Attributes:
        rank: its number, from 0.
        size: how many there are.
        local_rank: its number among those of its machine, from 0.
        local_size: how many are on its machine.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int


def launched(environment: Mapping[str, str] = os.environ) -> Launched | None:
    """Return which of a launcher's processes this is; None where it is alone."""
    if RANK not in environment or int(environment.get(SIZE, "1")) == 1:
        return None
    rank, size = int(environment[RANK]), int(environment[SIZE])
    return Launched(
        rank=rank,
        size=size,
        local_rank=int(environment.get(LOCAL_RANK, rank)),
        local_size=int(environment.get(LOCAL_SIZE, size)),
    )


def forget_launcher() -> None:
    """Take what launchers said out of this process's environment, so that no library trains together by itself."""
    for name in list(os.environ):
        if name in (RANK, LOCAL_RANK, SIZE, LOCAL_SIZE) or name.startswith(OF_MPI):
            del os.environ[name]
