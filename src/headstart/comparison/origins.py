"""Where a report's numbers come from: machines, versions, commits and commands, as the runs recorded them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from headstart.comparison.cells import Cell
from headstart.errors import HeadstartError
from headstart.store.json_records import read_record
from headstart.store.local import LocalStore
from headstart.store.provenance import Provenance


@dataclass(frozen=True, slots=True)
class Origin:
    """One setting in which runs were made.

    Attributes:
        gpu: its name; "" where none was used or recorded.
        commit: of the repository the command ran in; "" outside of one.
        versions: (package, version), Python first.
    """

    num_runs: int
    cpu: str
    num_cores: int
    gpu: str
    platform: str
    commit: str
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """All settings and commands behind a report, the most frequent and the earliest first.

    Attributes:
        first_started: UTC, ISO 8601; "" when no run recorded it. `last_started` likewise.
    """

    settings: tuple[Origin, ...]
    commands: tuple[str, ...]
    first_started: str
    last_started: str
    num_unrecorded: int


def read_origins(store: LocalStore | None, cells: Iterable[Cell], damaged: Collection[Path] = frozenset()) -> Origins:
    """Return what the runs of some cells recorded when they began.

    Nothing without the store that they lie in, nor of `damaged` files.
    """
    runs = dict.fromkeys((run.experiment_digest, run.seed) for cell in cells for run in cell.records)
    found = list(_provenances(store, runs, damaged)) if store else []
    settings = Counter(_setting(provenance) for provenance in found).items()
    starts = sorted(provenance.started_at for provenance in found)
    return Origins(
        settings=tuple(
            Origin(number, *each) for each, number in sorted(settings, key=lambda item: (-item[1], item[0]))
        ),
        commands=_distinct(p.command for p in sorted(found, key=lambda p: (p.started_at, p.command))),
        first_started=starts[0] if starts else "",
        last_started=starts[-1] if starts else "",
        num_unrecorded=len(runs) - len(found),
    )


def _provenances(store: LocalStore, runs: Iterable[tuple[str, int]], damaged: Collection[Path]) -> Iterable[Provenance]:
    paths = (store.run_folder(digest, seed).started_json for digest, seed in runs)
    for path in (each for each in paths if each not in damaged):
        try:
            yield read_record(Provenance, path)
        except (HeadstartError, OSError):
            continue


def _setting(provenance: Provenance) -> tuple[str, int, str, str, str, tuple[tuple[str, str], ...]]:
    """Return the fields of an `Origin` after the number of runs."""
    versions = (("python", provenance.python), *sorted(provenance.versions.items()))
    machine = (provenance.cpu, provenance.num_cores, provenance.gpu or "", provenance.platform)
    return (*machine, provenance.commit or "", versions)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
