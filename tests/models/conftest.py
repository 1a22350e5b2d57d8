"""Fixtures for models beside the six architectures of `tests.support.tiny`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from headstart.models.source import ModelSource, resolve_model
from tests.support.other_architectures import OTHER_ARCHITECTURES, make_other_checkpoint


class _Checkpoints(Mapping[str, ModelSource]):
    """Sources by architecture, each saved when it is first asked for."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._made: dict[str, ModelSource] = {}

    def __getitem__(self, architecture: str) -> ModelSource:
        if architecture not in self._made:
            folder = make_other_checkpoint(self._factory.mktemp(architecture), architecture)
            self._made[architecture] = resolve_model(str(folder))
        return self._made[architecture]

    def __iter__(self) -> Iterator[str]:
        return iter(OTHER_ARCHITECTURES)

    def __len__(self) -> int:
        return len(OTHER_ARCHITECTURES)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, ModelSource]:
    """Return tiny pretrained checkpoints of other architectures; they must not be changed."""
    return _Checkpoints(tmp_path_factory)
