"""What is damaged in a store: runs that do not count, files of runs that do, and designs that nobody knows any more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from headstart.errors import DamageError, HeadstartError, NewerError
from headstart.manifest import Damage

MOST_NAMED = 20
"""Damages that are said one by one; of more, the number is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedRun:
    """A run of which nothing counts.

    Attributes:
        digest: of its experiment, the name of its folder; `seed` likewise.
        damages: why it does not count.
        task: of its experiment, as far as it is known; `model` and `label` (how a table names it) likewise.
    """

    digest: str
    seed: int
    damages: tuple[Damage, ...]
    task: str = ""
    model: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreDamage:
    """All that a report of a store has to say of damage.

    Attributes:
        runs: that do not count.
        files: of runs that count; what rests on them is left out.
        designs: by experiment digest, why it is not known what was declared before its first run.
    """

    runs: tuple[DamagedRun, ...] = ()
    files: tuple[Damage, ...] = ()
    designs: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> frozenset[Path]:
        """The damaged files of runs that count: nobody may read them."""
        return frozenset(damage.file for damage in self.files)

    def of(self, digest: str) -> tuple[DamagedRun, ...]:
        """Return the damaged runs of an experiment."""
        return tuple(run for run in self.runs if run.digest == digest)

    def among(self, digests: Collection[str]) -> StoreDamage:
        """Return what concerns some experiments."""
        return replace(
            self,
            runs=tuple(run for run in self.runs if run.digest in digests),
            designs={digest: why for digest, why in self.designs.items() if digest in digests},
        )

    def sentences(self, root: Path | None = None) -> list[str]:
        """Name every damage, a bounded number one by one; files inside `root` by their place in it."""
        said = [f"{_inside(each, root)}; the run does not count" for run in self.runs for each in run.damages]
        said += [f"{_inside(each, root)}; what rests on it is left out" for each in self.files]
        said += [f"{digest}: {why}; nothing is compared" for digest, why in self.designs.items()]
        more = len(said) - MOST_NAMED
        return [*said[:MOST_NAMED], f"... and {more} more that are damaged"] if more > 0 else said


NO_DAMAGE = StoreDamage()


def damage_of(error: Exception, path: Path) -> Damage:
    """Return what an error says of a file that could not be read."""
    if isinstance(error, DamageError) and error.path == path:
        return Damage(path, error.what)
    if isinstance(error, NewerError):
        return Damage(path, f"{error.given.removeprefix(f'{path} ')}: {error.remedy.strip()}".rstrip("."))
    said = str(error) if isinstance(error, HeadstartError) else f"it cannot be read: {error!r}"
    said = said.removeprefix(f"{path} is damaged: ")
    return Damage(path, f"it {said.removeprefix(f'{path} ')}" if said.startswith(f"{path} ") else said)


def seeds_in_words(seeds: Iterable[int]) -> str:
    """Write some seeds: "seed 3", "seeds 3, 5"."""
    numbers = [str(seed) for seed in sorted(seeds)]
    return f"seed{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"


def _inside(damage: Damage, root: Path | None) -> str:
    is_inside = root is not None and damage.file.is_relative_to(root)
    name = damage.file.relative_to(root).as_posix() if is_inside and root is not None else str(damage.file)
    return f"{name}: {damage.what}"
