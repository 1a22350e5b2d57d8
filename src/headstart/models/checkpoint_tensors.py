"""A pretrained backbone's tensors, read from its files one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import torch
from safetensors import safe_open

from headstart.models.parameters import Digests, digest
from headstart.models.source import ModelSource, weight_files


class CheckpointTensors(Mapping[str, torch.Tensor]):
    """The backbone's tensors by the model's names, in fp32, read anew each time.

    A file may name them otherwise than the model does, so a tensor counts as found when its digest is the right one.
    """

    def __init__(self, source: ModelSource, digests: Digests) -> None:
        """Take the files, and the digests of the backbone as it is after loading."""
        self._source, self._digests = source, digests

    def __getitem__(self, name: str) -> torch.Tensor:
        """Read a tensor.

        Raises:
            KeyError: if the files do not hold it as it is after loading.
        """
        for key in self._like(name):
            with safe_open(self._files[key], framework="pt") as file:
                tensor: torch.Tensor = file.get_tensor(key).float()
            if digest(tensor) == self._digests[name]:
                return tensor
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)

    def _like(self, name: str) -> list[str]:
        """Return the names in the files that differ from a name in what stands before the backbone alone."""
        within = name.partition(".")[2] or name
        return [key for key in self._files if key in (name, within) or key.endswith(f".{within}")]

    @cached_property
    def _files(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for path in weight_files(self._source.path):
            with safe_open(path, framework="pt") as file:
                found |= dict.fromkeys(file.keys(), path)
        return found


def number_kinds(source: ModelSource) -> frozenset[str]:
    """Return the kinds of numbers in a model's files, such as "F32" and "BF16"; no weights are read."""
    kinds = set()
    for path in weight_files(source.path):
        with safe_open(path, framework="pt") as file:
            kinds |= {str(file.get_slice(name).get_dtype()) for name in file.keys()}  # noqa: SIM118, no mapping
    return frozenset(kinds)
