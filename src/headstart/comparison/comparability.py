"""What two settings differ in, and which of it was declared to vary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from headstart.store.declared import DeclaredAxis
from headstart.store.setting import Setting

FIELDS_OF_AXES: Mapping[str, tuple[str, ...]] = {
    "head": ("head",),
    "pooling": ("head",),
    "max_length": ("max_length", "stride"),
    "long": ("long", "stride"),
    "loss": ("loss",),
    "class_weights": ("class_weights",),
    "precision": ("precision",),
    "preset": ("optimizer", "batch_size", "max_length", "long", "stride", "head"),
}
"""The fields of a setting that each axis may change."""
NOTHING = "not set"
_SHOWN_LENGTHS = {"rows": 8, "other_rows": 8, "model_revision": 16}
"""Of hashes: enough to tell them apart."""


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """One thing that two settings differ in, by the field of `Setting` it stands in and by its own name."""

    field: str
    name: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.name} {self.ours} against {self.theirs}"


def setting_differences(ours: Setting, theirs: Setting) -> tuple[SettingDifference, ...]:
    """Return all that two settings differ in, in the order of their fields."""
    return tuple(
        each for field in fields(Setting) for each in _of_field(field.name, getattr(ours, field.name),
                                                               getattr(theirs, field.name))
    )  # fmt: skip


def is_declared(difference: SettingDifference, axes: tuple[DeclaredAxis, ...]) -> bool:
    """Return whether a difference is one that the axes were declared to make."""
    return any(difference.field in FIELDS_OF_AXES[axis.axis] for axis in axes)


def _of_field(field: str, ours: Any, theirs: Any) -> Iterator[SettingDifference]:
    if isinstance(ours, dict):
        for name in dict.fromkeys((*ours, *theirs)):
            if ours.get(name) != theirs.get(name):
                yield SettingDifference(field, name, ours.get(name, NOTHING), theirs.get(name, NOTHING))
    elif ours != theirs:
        name = field.replace("_", " ") if field in _SHOWN_LENGTHS else field
        yield SettingDifference(field, name, shown(field, ours), shown(field, theirs))


def shown(field: str, value: Any) -> str:
    """Write a field's value as people read it."""
    if value is None or value in ("", ()):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(f"{each:g}" for each in value)
    return str(value)[: _SHOWN_LENGTHS.get(field)]
