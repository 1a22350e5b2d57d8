"""Fixtures that all tests share."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# Before anything imports torch or huggingface_hub: no test reaches the hub, sums do not depend on the cores, and tokens
# are kept in a folder of this run alone.
CACHE = tempfile.TemporaryDirectory(prefix="headstart-tests-")
os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HEADSTART_CACHE": CACHE.name}

# Each run draws the same cases: a change that fails can be told from luck.
hypothesis.settings.register_profile("seeded", derandomize=True)
hypothesis.settings.load_profile("seeded")

CheckpointMaker = Callable[..., Path]


def pytest_collection_finish() -> None:
    """Keep Python's garbage collector from what stays anyway: each stage asks for a collection of all there is.

    Thousands of tests and the libraries that they import are a million objects, which took longer to visit than a tiny
    stage to train.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> CheckpointMaker:
    """Return `make_checkpoint` without its folder: each different checkpoint is built once and must not be changed."""
    from tests.support.tiny import make_checkpoint

    made: dict[str, Path] = {}

    def make(architecture: str, **options: object) -> Path:
        key = f"{architecture} {sorted(options.items(), key=str)}"
        if key not in made:
            made[key] = make_checkpoint(tmp_path_factory.mktemp(architecture) / "source", architecture, **options)
        return made[key]

    return make
