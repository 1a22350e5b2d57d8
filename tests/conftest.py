"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

CheckpointMaker = Callable[..., Path]


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
