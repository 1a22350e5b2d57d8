"""Processes as a launcher starts them: several that train one model together."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from headstart.launcher import launched
from headstart.sweeps.taking_part import do_parts
from headstart.training.data_parallel import together
from tests.support.paths import REPOSITORY
from tests.support.processes import start


def start_together(
    function: Callable[..., None],
    *arguments: object,
    size: int,
    output: Path,
    others_in: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> list[ForkServerProcess]:
    """Start processes of which the first calls a function, and the others take part in the runs that it has done.

    The others do so inside the block `others_in`. What the process of a rank says goes to a file beside `output`.
    """
    port = _free_port()
    return [
        start(
            *(_as_rank, rank, size, port, function, arguments, others_in),
            output=output.with_name(f"{rank}-{output.name}"),
        )
        for rank in range(size)
    ]


def _as_rank(
    rank: int,
    size: int,
    port: int,
    function: Callable[..., None],
    arguments: tuple[object, ...],
    others_in: Callable[[], AbstractContextManager[object]],
) -> None:
    said = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in said.items()} | {"MASTER_ADDR": "localhost"}
    this = launched()
    assert this is not None
    with together(this) as ranks:
        if ranks.is_first:
            function(*arguments)
            return
        with others_in():
            do_parts(ranks)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


def torchrun(
    size: int, *arguments: object, folder: Path, program: tuple[str, ...] = ("-m", "headstart")
) -> subprocess.Popen[str]:
    """Start `torchrun` on the command in a folder, or on another program."""
    paths = os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY)))
    own = {"PYTHONPATH": paths, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    launcher = ("torch.distributed.run", "--standalone", "--nproc-per-node", str(size))
    return subprocess.Popen(
        [sys.executable, "-m", *launcher, *program, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
