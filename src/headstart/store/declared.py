"""What was declared about a comparison before its first run: when it looks, and what varies in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from headstart.errors import UsageError
from headstart.store.json_records import read_record, write_record
from headstart.store.local import LocalStore

FILE_NAME = "looks.json"
AXES_FILE = "varied.json"
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
    """The content of a `varied.json`: every axis that an experiment stands on."""

    axes: tuple[DeclaredAxis, ...]


def declare_axis(store: LocalStore, digest: str, axis: DeclaredAxis) -> None:
    """Store that an experiment stands on an axis; declared again, further values come after those of before."""
    axes = {each.axis: each for each in read_axes(store, digest)}
    before = axes.get(axis.axis)
    if before is not None:
        axis = replace(before, values=tuple(dict.fromkeys((*before.values, *axis.values))))
    if axis != before:
        store.mark()
        axes[axis.axis] = axis
        write_record(store.root / digest / AXES_FILE, DeclaredAxes(axes=tuple(axes.values())))


def read_axes(store: LocalStore, digest: str) -> tuple[DeclaredAxis, ...]:
    """Return the axes that an experiment stands on; none where only strategy and adapter vary.

    Raises:
        CheckpointError: if the file is damaged.
    """
    try:
        return read_record(DeclaredAxes, store.root / digest / AXES_FILE).axes
    except FileNotFoundError:
        return ()


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


def _describe(looks: DeclaredLooks) -> str:
    narrow = f", or narrower than {100 * looks.narrower_than:g} points" if looks.narrower_than is not None else ""
    numbers = ", ".join(map(str, looks.looks))
    return f"looks at {numbers} pairs at {looks.confidence:.0%}{narrow}, against {looks.baseline_digest[:12]}"
