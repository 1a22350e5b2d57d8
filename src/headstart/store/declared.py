"""What a comparison declared about itself, stored beside its experiments: when it looks, and what it varies."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.errors import UsageError
from headstart.store.json_records import read_record, write_record
from headstart.store.local import LocalStore

FILE_NAME = "looks.json"
AXES_FILE_NAME = "varied.json"


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


def declare_looks(store: LocalStore, digest: str, looks: DeclaredLooks) -> None:
    """Store what was declared; the same again changes nothing.

    Raises:
        UsageError: if something else was declared before: looks that change after the fact keep no error rate.
    """
    before = read_looks(store, digest)
    if before is None:
        store.mark()
        write_record(store.root / digest / FILE_NAME, looks)
    elif before != looks:
        raise UsageError(
            f"this comparison was declared otherwise when it began: {_describe(before)}; now it is {_describe(looks)}",
            allowed="  Looks are declared once: changed after the fact they would not keep the error rate.",
            remedy="  Give the options of the first call, or another `store`.",
        )


def read_looks(store: LocalStore, digest: str) -> DeclaredLooks | None:
    """Return what was declared; None for a comparison with a fixed number of seeds.

    Raises:
        CheckpointError: if the file is damaged.
    """
    try:
        return read_record(DeclaredLooks, store.root / digest / FILE_NAME)
    except FileNotFoundError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredAxis:
    """An axis that a comparison varies beside strategy and adapter, such as "head", and its values, the first first."""

    axis: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredAxes:
    """All axes that comparisons with an experiment ever varied."""

    axes: tuple[DeclaredAxis, ...]


def declare_axis(store: LocalStore, digest: str, axis: DeclaredAxis) -> None:
    """Store that a comparison with this experiment varies an axis; values declared before stay, in front of new ones.

    Raises:
        CheckpointError: if the file is damaged.
    """
    before = {each.axis: each.values for each in read_axes(store, digest)}
    merged = before | {axis.axis: tuple(dict.fromkeys((*before.get(axis.axis, ()), *axis.values)))}
    if merged != before:
        store.mark()
        axes = tuple(DeclaredAxis(axis=name, values=values) for name, values in merged.items())
        write_record(store.root / digest / AXES_FILE_NAME, DeclaredAxes(axes=axes))


def read_axes(store: LocalStore, digest: str) -> tuple[DeclaredAxis, ...]:
    """Return the axes that comparisons with this experiment vary; empty where none was declared.

    Raises:
        CheckpointError: if the file is damaged.
    """
    try:
        return read_record(DeclaredAxes, store.root / digest / AXES_FILE_NAME).axes
    except FileNotFoundError:
        return ()


def _describe(looks: DeclaredLooks) -> str:
    narrow = f", or narrower than {100 * looks.narrower_than:g} points" if looks.narrower_than is not None else ""
    numbers = ", ".join(map(str, looks.looks))
    return f"looks at {numbers} pairs at {looks.confidence:.0%}{narrow}, against {looks.baseline_digest[:12]}"
