"""Names for things (strategies, adapters, heads, tasks), and the one way to write a name with options."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from headstart.errors import UsageError, unknown_name

T = TypeVar("T")
Scalar = bool | int | float | str


class Registry(Generic[T]):
    """A mapping from names to things whose error for an unknown name says what was probably meant."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._things: dict[str, T] = {}

    def add(self, name: str, thing: T) -> T:
        """Register `thing` under `name`; a name is taken only once."""
        if name in self._things:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._things[name] = thing
        return thing

    def get(self, name: str) -> T:
        """Return the thing called `name`.

        Raises:
            UsageError: if nothing has that name.
        """
        if name not in self._things:
            raise unknown_name(self.kind, name, self._things)
        return self._things[name]

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""
        return tuple(sorted(self._things))

    def __contains__(self, name: object) -> bool:
        return name in self._things

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())


@dataclass(frozen=True, slots=True)
class Spec:
    """A name with options, as people write it: `lora`, `lora:rank=16:alpha=32`, `eh_ft:reserve`.

    Options are sorted by name, so two specs that mean the same are equal and write the same.
    """

    name: str
    options: tuple[tuple[str, Scalar], ...] = ()

    def __post_init__(self) -> None:
        pairs = tuple((str(key), value) for key, value in self.options)
        object.__setattr__(self, "options", tuple(sorted(pairs)))

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Read `name[:option[=value]]...`; an option without a value is true.

        Raises:
            UsageError: if the name or an option's name is empty, or an option is given twice.
        """
        name, *parts = text.strip().split(":")
        options: dict[str, Scalar] = {}
        for part in parts:
            key, has_value, value = part.partition("=")
            if not key or key in options or (has_value and not value):
                raise UsageError(
                    f"cannot read {text!r}",
                    allowed="  A name with options is written name:option=value:option, each option once.",
                )
            options[key] = parse_scalar(value) if has_value else True
        if not name:
            raise UsageError(f"cannot read {text!r}", allowed="  It starts with a name, as in lora:rank=16.")
        return cls(name, tuple(options.items()))

    def option_dict(self) -> dict[str, Scalar]:
        """Return the options as a dictionary."""
        return dict(self.options)

    def __str__(self) -> str:
        parts = [key if value is True else f"{key}={_write_scalar(value)}" for key, value in self.options]
        return ":".join([self.name, *parts])


@dataclass(frozen=True, slots=True)
class Allowed:
    """Which values an option may have; it stands in the option's annotation, as in `Annotated[int, at_least(1)]`.

    Attributes:
        alone: the word that an option means by its name alone, as in `lp_ft:fit`; None where it needs a value.
    """

    holds: Callable[[Any], bool]
    words: str
    alone: str | None = None


ABOVE_ZERO = Allowed(lambda value: 0 < value < math.inf, "It is above 0 and finite.")
FROM_ZERO = Allowed(lambda value: 0 <= value < math.inf, "It is 0 or more, and finite.")
FROM_ZERO_TO_ONE = Allowed(lambda value: 0 <= value <= 1, "It is from 0 to 1.")
FROM_ZERO_TO_UNDER_ONE = Allowed(lambda value: 0 <= value < 1, "It is from 0 to under 1.")
FROM_ABOVE_ZERO_TO_ONE = Allowed(lambda value: 0 < value <= 1, "It is from above 0 to 1.")


def at_least(least: int) -> Allowed:
    """Allow numbers from `least` on."""
    return Allowed(lambda value: value >= least, f"It is at least {least}.")


def one_of(known: Iterable[str], *, alone: str | None = None) -> Allowed:
    """Allow the known words; `alone` is what the option means by its name alone."""
    words = tuple(known)
    return Allowed(lambda value: value in words, f"Known: {', '.join(filter(None, words))}.", alone)


def build_from(what: str, kind: type[T], spec: Spec) -> T:
    """Return an instance of the dataclass `kind` with the options of `spec` as its fields.

    Args:
        what: "strategy", "adapter" ...: for the messages.
        kind: every field has a default, whose type is the option's.
        spec: a whole number serves where a number is wanted.

    Raises:
        UsageError: if an option is unknown, of the wrong kind or not allowed.
    """
    defaults = {option.name: option.default for option in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(kind, include_extras=True)
    values: dict[str, Scalar] = {}
    for option, value in spec.options:
        if option not in defaults:
            if not defaults:
                raise UsageError(f"{what} {spec.name!r} has no options, but {option!r} was given")
            raise unknown_name(f"option of {what} {spec.name!r}", option, defaults)
        name = f"option {option!r} of {what} {spec.name!r}"
        bounds: tuple[Allowed, ...] = getattr(hints[option], "__metadata__", ())
        words = [allowed.alone for allowed in bounds if allowed.alone is not None]
        values[option] = _of_kind(name, words[0] if words and value is True else value, type(defaults[option]))
        for allowed in bounds:
            if not allowed.holds(values[option]):
                raise UsageError(f"{name} was given as {value!r}", allowed=f"  {allowed.words}")
    return kind(**values)


def _of_kind(option: str, value: Scalar, wanted: type) -> Scalar:
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is wanted:
        return value
    names = {int: "a whole number", float: "a number", bool: "on by its name alone, or true or false", str: "a word"}
    raise UsageError(f"{option} was given as {value!r}", allowed=f"  It is {names[wanted]}.")


def parse_scalar(text: str) -> Scalar:
    """Read a value as a boolean, an integer, a number or, failing these, text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _write_scalar(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
