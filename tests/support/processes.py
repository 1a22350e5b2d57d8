"""Processes of their own, for tests that kill them or have several at once.

They are forked from one that has imported torch and transformers and done nothing else: to import these takes longer
than what a test then does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from unittest import mock

from tests.support.paths import REPOSITORY

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.support.warmed"])


def start(function: Callable[..., None], *arguments: object, output: Path) -> ForkServerProcess:
    """Start a process that calls a function of a module; what it prints, and why it fails, goes to the file `output`.

    It has this process's environment, and one thread for sums.
    """
    paths = os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY)))
    environment = {**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    process = CONTEXT.Process(target=_run, args=(output, environment, function, arguments))
    with mock.patch.dict(os.environ, environment):  # For the process that all others are forked from.
        process.start()
    return process


def ended(process: ForkServerProcess, *, seconds: float = 300) -> int:
    """Wait until a process has ended, and return its exit code: below 0 for a signal."""
    process.join(seconds)
    assert process.exitcode is not None, f"still running after {seconds} s"
    return process.exitcode


def _run(
    output: Path, environment: dict[str, str], function: Callable[..., None], arguments: tuple[object, ...]
) -> None:
    import torch

    with output.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ |= environment
    torch.set_num_threads(1)
    function(*arguments)
