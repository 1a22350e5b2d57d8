"""What was declared about a comparison before its first run: when it looks, and what varies in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from headstart.errors import CheckpointError, DamageError, HeadstartError, UsageError
from headstart.manifest import CHANGED, bytes_checksum
from headstart.store.json_records import read_record, write_record
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord

LOOKS_FILE = "looks.json"
AXES_FILE = "varied.json"
DECLARE_AGAIN = (
    "  Remove it and call `headstart compare` as before, once for each option that it varied: it is written again."
)
AXES = ("head", "pooling", "max_length", "long", "loss", "class_weights", "precision", "preset")
"""Options that a comparison may vary beside strategy and adapter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredLooks:
    """When a comparison that adds seeds until it is decided looks at its pairs.

    Attributes:
        baseline_digest: of the experiment it is compared with.
        looks: numbers of pairs, rising; the last is the most that will be run.
        confidence: of all looks together, 0 to 1.
        narrower_than: width of an interval that is narrow enough to stop, in the scores' unit; None for none.
    """

    baseline_digest: str
    looks: tuple[int, ...]
    confidence: float
    narrower_than: float | None

    @property
    def checksum(self) -> str:
        """What records of runs made under these looks hold."""
        return _checksum_of(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredAxis:
    """One more thing that a comparison varies beside strategy and adapter.

    Attributes:
        axis: one of `AXES`.
        value: of the experiment that it is stored beside, as a person writes it.
        values: all of them; fine-tuning at any other is compared with fine-tuning at the first.
    """

    axis: str
    value: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.axis not in AXES or self.value not in self.values:
            raise ValueError(f"a comparison varies one of {', '.join(AXES)} over its values, got {self}")

    @property
    def is_first(self) -> bool:
        """Whether the experiment has the value that others are compared with."""
        return self.value == self.values[0]

    def __str__(self) -> str:
        return f"{self.axis}={self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredAxes:
    """The content of a `varied.json`: every axis that an experiment stands on.

    Attributes:
        checksum: of the axes; "" where an older headstart wrote the file.
    """

    axes: tuple[DeclaredAxis, ...]
    checksum: str = ""

    @classmethod
    def of(cls, axes: tuple[DeclaredAxis, ...]) -> DeclaredAxes:
        """Return what is written for these axes."""
        return cls(axes=axes, checksum=_checksum_of([asdict(axis) for axis in axes]))

    @property
    def is_whole(self) -> bool:
        """Whether the axes are those that were written."""
        return self.checksum in ("", self.of(self.axes).checksum)


def declare_axis(store: LocalStore, digest: str, axis: DeclaredAxis) -> None:
    """Store that an experiment stands on an axis; declared again, further values come after those of before."""
    axes = {each.axis: each for each in read_axes(store, digest)}
    before = axes.get(axis.axis)
    if before is not None:
        axis = replace(before, values=tuple(dict.fromkeys((*before.values, *axis.values))))
    if axis != before:
        store.begin_writing(store.root / digest)
        axes[axis.axis] = axis
        write_record(store.root / digest / AXES_FILE, DeclaredAxes.of(tuple(axes.values())))


def read_axes(store: LocalStore, digest: str) -> tuple[DeclaredAxis, ...]:
    """Return the axes that an experiment stands on; none where only strategy and adapter vary.

    Raises:
        CheckpointError: if the file is damaged.
    """
    path = store.root / digest / AXES_FILE
    try:
        found = read_record(DeclaredAxes, path)
    except FileNotFoundError:
        return ()
    if not found.is_whole:
        raise DamageError(path, CHANGED, remedy=DECLARE_AGAIN)
    return found.axes


def declare_looks(store: LocalStore, digest: str, looks: DeclaredLooks) -> None:
    """Store what was declared; the same again changes nothing, and mends a file that is damaged or missing.

    Raises:
        UsageError: if something else was declared before: looks that change after the fact keep no error rate.
    """
    try:
        before = read_looks(store, digest)
    except CheckpointError:
        before = None
    allowed = "  Looks are declared once: changed after the fact they would not keep the error rate."
    remedy = "  Give the options of the first call, or another `store`."
    if before is not None and before != looks:
        raise UsageError(
            f"this comparison was declared otherwise when it began: {_describe(before)}; now it is {_describe(looks)}",
            allowed=allowed,
            remedy=remedy,
        )
    if before is None and recorded_looks(store, digest) - {looks.checksum}:
        path = store.root / digest / LOOKS_FILE
        raise UsageError(
            f"this comparison was declared otherwise when it began, and {path} does not say how any more; now it is "
            f"{_describe(looks)}",
            allowed=allowed,
            remedy=remedy,
        )
    if before is None:
        store.begin_writing(store.root / digest)
        write_record(store.root / digest / LOOKS_FILE, looks)


def recorded_looks(store: LocalStore, digest: str) -> set[str]:
    """Return the checksums of the looks that an experiment's runs were made under, as their records say."""
    return {record.looks for record in store.records_of(digest) if record.looks}


def read_looks(store: LocalStore, digest: str) -> DeclaredLooks | None:
    """Return what was declared; None for a comparison with a fixed number of seeds.

    Raises:
        CheckpointError: if the file is damaged.
    """
    try:
        return read_record(DeclaredLooks, store.root / digest / LOOKS_FILE)
    except FileNotFoundError:
        return None


def with_declared(store: LocalStore, record: RunRecord) -> RunRecord:
    """Return the record of a run that just ended, with what was declared for it: what is lost later is missed."""
    try:
        looks = read_looks(store, record.experiment_digest)
    except CheckpointError:
        looks = None
    return replace(record, looks=looks.checksum if looks else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Designs:
    """What was declared of some experiments, by their digests.

    Attributes:
        lost: of those that were declared somehow, why it is not known any more how; nothing may be said of them. Each
            begins with the name of the file.
    """

    looks: dict[str, DeclaredLooks] = field(default_factory=dict)
    axes: dict[str, tuple[DeclaredAxis, ...]] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)


def read_designs(store: LocalStore, records: Iterable[RunRecord]) -> Designs:
    """Return what was declared of the experiments of some records, held to what these say of it."""
    found = Designs()
    runs: dict[str, list[RunRecord]] = {}
    for record in records:
        runs.setdefault(record.experiment_digest, []).append(record)
    for digest, own in runs.items():
        try:
            looks, axes = read_looks(store, digest), read_axes(store, digest)
        except HeadstartError as error:
            found.lost[digest] = str(error).removeprefix(f"{store.root / digest}{os.sep}").partition("\n")[0]
            continue
        if looks is not None:
            found.looks[digest] = looks
        if axes:
            found.axes[digest] = axes
        if lost := _lost(own, looks, axes):
            found.lost[digest] = lost
    return found


def _lost(runs: Iterable[RunRecord], looks: DeclaredLooks | None, axes: tuple[DeclaredAxis, ...]) -> str:
    """Say what was declared of runs by their own records and is not any more; "" where nothing is lost."""
    for run in runs:
        if run.looks and looks is None:
            return f"{LOOKS_FILE}, which declares when the comparison looks, is missing"
        if run.looks and looks is not None and run.looks != looks.checksum:
            return f"{LOOKS_FILE} does not declare the looks that its runs were made under"
        if run.varied and run.varied not in map(str, axes):
            return f"{AXES_FILE}, which declares that {run.varied.partition('=')[0]} varies, is missing or changed"
    return ""


def _checksum_of(declared: Any) -> str:
    return bytes_checksum(json.dumps(declared, sort_keys=True).encode())


def _describe(looks: DeclaredLooks) -> str:
    narrow = f", or narrower than {100 * looks.narrower_than:g} points" if looks.narrower_than is not None else ""
    numbers = ", ".join(map(str, looks.looks))
    return f"looks at {numbers} pairs at {looks.confidence:.0%}{narrow}, against {looks.baseline_digest[:12]}"
