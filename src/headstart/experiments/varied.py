"""One more axis of a comparison: an option of the model or the training that takes several values. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from headstart.errors import UsageError, for_each, unknown_name
from headstart.experiments.options import ModelOptions, TrainingOptions
from headstart.experiments.recipes import get_preset
from headstart.option import given, read_text, split_list
from headstart.registry import Spec
from headstart.store.declared import AXES, DeclaredAxis

POOLING = "pooling"
NATIVE = "native"


@dataclass(frozen=True, slots=True, kw_only=True)
class VariedOptions:
    """The model's and the training's options at one value of the axis; `varied` is None where nothing varies."""

    varied: DeclaredAxis | None
    model: ModelOptions
    training: TrainingOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class VariedAxis:
    """An axis and its values as they were written, two or more."""

    axis: str
    values: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> VariedAxis:
        """Read `AXIS=VALUE,VALUE`; a value that comes twice counts once.

        Raises:
            UsageError: if the axis is unknown, or has fewer than two values.
        """
        axis, _, values = text.partition("=")
        axis = axis.strip().replace("-", "_")
        if axis not in AXES:
            raise unknown_name("axis of `vary`", axis, AXES)
        different = tuple(dict.fromkeys(split_list(values)))
        if len(different) < 2:
            raise UsageError(
                f"`vary` was given as {text!r}",
                allowed="  It is an axis and two or more different values, as in head=native,linear.",
            )
        return cls(axis=axis, values=different)

    def settings(self, model: ModelOptions, training: TrainingOptions) -> tuple[VariedOptions, ...]:
        """Return the options at each value, in the order of the values.

        Raises:
            UsageErrors: if the axis is given as an option of its own too, or values are not allowed.
        """
        if self.axis in (*given(model), *given(training)):
            raise UsageError(
                f"`{self.axis}` would have no effect: `vary` gives it its values", remedy="  Leave one of them out."
            )
        read = for_each(self.values, lambda value: self._read(value, model, training))
        names = tuple(str(value) for _, value in read)
        return tuple(
            replace(setting, varied=DeclaredAxis(axis=self.axis, value=name, values=names))
            for (setting, _), name in zip(read, names, strict=True)
        )

    def _read(self, text: str, model: ModelOptions, training: TrainingOptions) -> tuple[VariedOptions, Any]:
        """Return the options at one value, and the value."""
        if self.axis == POOLING:
            head = _pooled(model.head or get_preset(training.preset).head, text)
            return VariedOptions(varied=None, model=replace(model, head=head), training=training), text
        kind = ModelOptions if self.axis == "head" else TrainingOptions
        value = read_text(kind, self.axis, text)
        if kind is ModelOptions:
            return VariedOptions(varied=None, model=replace(model, **{self.axis: value}), training=training), value
        return VariedOptions(varied=None, model=model, training=replace(training, **{self.axis: value})), value


def settings_of(axis: VariedAxis | None, model: ModelOptions, training: TrainingOptions) -> tuple[VariedOptions, ...]:
    """Return the options at each value of the axis; without one, as they are."""
    if axis is None:
        return (VariedOptions(varied=None, model=model, training=training),)
    return axis.settings(model, training)


def _pooled(head: Spec, pooling: str) -> Spec:
    """Return a head that reads the vector that `pooling` names."""
    if head.name == NATIVE:
        raise UsageError(
            "`vary` cannot give the head 'native' a pooling: it reads what its architecture says",
            remedy="  Give `head` as linear, mlp or fourier_kan, which take any.",
        )
    if POOLING in head.option_dict():
        raise UsageError(
            f"pooling of the head {str(head)!r} would have no effect: `vary` gives it its values",
            remedy="  Leave one of them out.",
        )
    return replace(head, options=(*head.options, (POOLING, pooling)))
