"""Options as fields of small frozen dataclasses: each is described once, for the command line, recipes and Python.

A meaning names other options in backticks: the command line writes their flags there, Python reads their names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, get_type_hints

from headstart.errors import UsageError, for_each

T = TypeVar("T")
Reader = Callable[[Any], Any]

MEANING, READER = "meaning", "reader"


def option(default: Any, meaning: str, *, read: Reader | None = None) -> Any:
    """Return a dataclass field that is an option.

    Args:
        default: its value where nothing is said.
        meaning: what it means, in a sentence.
        read: makes its value of what a person writes; None where that is the value.
    """
    return dataclasses.field(default=default, metadata={MEANING: meaning, READER: read})


def options_of(kind: type) -> dict[str, dataclasses.Field[Any]]:
    """Return the fields of a dataclass that are options, by name."""
    return {field.name: field for field in dataclasses.fields(kind) if MEANING in field.metadata}


def read_options(kind: type[T], written: Mapping[str, Any]) -> T:
    """Return a `kind` with the values of those of its options that `written` names.

    Raises:
        UsageErrors: all values that cannot be read, at once.
    """
    fields = options_of(kind)

    def read(name: str) -> Any:
        reader, value = fields[name].metadata[READER], written[name]
        return reader(value) if reader is not None and _is_written(value) else value

    names = [name for name in fields if name in written]
    return kind(**dict(zip(names, for_each(names, read), strict=True)))


def read_text(kind: type, name: str, text: str) -> Any:
    """Return the value that an option has where a person writes `text`: by its reader, or by its type.

    Raises:
        UsageError: if it cannot be read.
    """
    from pydantic import TypeAdapter, ValidationError

    reader = options_of(kind)[name].metadata[READER]
    if reader is not None:
        return reader(text)
    hint = get_type_hints(kind)[name]
    try:
        return TypeAdapter(hint).validate_python(text)
    except ValidationError as error:
        raise _wrong_type(name, text, hint) from error


def _wrong_type(name: str, value: Any, hint: Any) -> UsageError:
    said = hint.__name__ if isinstance(hint, type) else str(hint)
    return UsageError(f"`{name}` was given as {value!r}", allowed=f"  It is of type {said}.")


def check_types(kind: type, values: Mapping[str, Any]) -> None:
    """Refuse values that are neither of an option's type nor written as text.

    Raises:
        UsageErrors: all of them, at once.
    """
    from pydantic import TypeAdapter, ValidationError

    hints = get_type_hints(kind)

    def check(name: str) -> None:
        value, hint = values[name], hints[name]
        if options_of(kind)[name].metadata[READER] is not None and _is_written(value):
            return
        try:
            TypeAdapter(hint).validate_python(value, strict=True)
        except ValidationError as error:
            raise _wrong_type(name, value, hint) from error

    for_each([name for name in options_of(kind) if name in values], check)


def _is_written(value: Any) -> bool:
    """Whether a value is as a person writes it: a text, or several."""
    parts = value if isinstance(value, list | tuple) else (value,)
    return bool(parts) and all(isinstance(part, str) for part in parts)


def given(options: object) -> list[str]:
    """Return the names of the options that are not at their defaults."""
    return [name for name, field in options_of(type(options)).items() if getattr(options, name) != field.default]


def split_list(text: str | Iterable[str]) -> tuple[str, ...]:
    """Read a comma-separated list; empty parts are dropped."""
    parts = text.split(",") if isinstance(text, str) else text
    return tuple(part.strip() for part in parts if part.strip())


def named(fields: Iterable[str]) -> str:
    """Return names of options as messages have them."""
    return " and ".join(f"`{field}`" for field in fields)
