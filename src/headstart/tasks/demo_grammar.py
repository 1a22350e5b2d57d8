"""The words and sentence frames of the task `demo`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

Pool = Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """What a split is written with. The two splits share neither frames nor open-class words.

    Attributes:
        frames: sentence frames by their meaning.
        subjects: one individual each.
        opposites: of each two, exactly one holds of an individual.
        qualities: of a person, logically independent of each other.
        traits: of members of a kind.
        chains: a kind, a wider and a still wider one; every kind has members.
        comparatives: a relation and its converse.
        verbs: base form and past participle.
    """

    frames: Mapping[str, str]
    subjects: Pool
    opposites: Pool
    qualities: Pool
    traits: Pool
    chains: Pool
    comparatives: Pool
    verbs: Pool


def read_grammars() -> dict[str, Grammar]:
    """Return the grammar of each split, from the TOML file beside this module."""
    described = tomllib.loads(Path(__file__).with_name("demo.toml").read_text(encoding="utf-8"))
    return {split: _grammar(parts) for split, parts in described.items()}


def _grammar(parts: dict[str, Any]) -> Grammar:
    frames = MappingProxyType(parts.pop("frames"))
    pools = {name: tuple(tuple(entry.split("/")) for entry in entries) for name, entries in parts.items()}
    return Grammar(frames=frames, **pools)
