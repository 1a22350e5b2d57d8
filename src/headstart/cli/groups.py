"""Groups of options: a verb asks for a dataclass, the command line offers its fields."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from headstart.cli.flags import flag, in_flags
from headstart.cli.usual import USUAL, HelpAll
from headstart.option import MEANING, READER, options_of, read_options

PANELS = {
    "FileOptions": "Data",
    "TaskOptions": "Data",
    "ModelOptions": "Model",
    "ExecutorOptions": "Several runs at once",
    "ServeOptions": "Server",
}
"""Where the help lists the options of a group; all others are about training."""
METAVARS = {"dp": "epsilon=E,delta=D", "trainer": "KEY=VALUE", "vary": "AXIS=VALUE,VALUE"}
NAMES = {
    "strategies": ("--strategies", "--strategy"),
    "adapters": ("--adapters", "--adapter"),
    "learning_rates": ("--learning-rates", "--learning-rate"),
    "stage1_learning_rates": ("--stage1-learning-rates", "--stage1-learning-rate"),
    "model": ("--model", "-m"),
}
REPEATED = ("trainer",)
"""Options that may be given several times."""


@dataclasses.dataclass(frozen=True, slots=True)
class Only:
    """Beside a dataclass in a verb's signature: the fields that this verb offers."""

    names: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Group:
    kind: Any
    names: tuple[str, ...]

    def parameters(self) -> Iterator[inspect.Parameter]:
        hints = get_type_hints(self.kind)
        fields = options_of(self.kind)
        for name in self.names:
            annotation, default = _written(fields[name], hints[name], PANELS.get(self.kind.__name__, "Training"))
            yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

    def take(self, values: dict[str, Any]) -> Any:
        """Return the group's options, and take what they are read from out of the call's values."""
        written = {name: values.pop(name) for name in self.names}
        return read_options(self.kind, {name: value for name, value in written.items() if value is not None})


def grouped(verb: Callable[..., None]) -> Callable[..., None]:
    """Return `verb` with each parameter that is a dataclass replaced by the dataclass's options."""
    hints = get_type_hints(verb, include_extras=True)
    groups = {name: group for name, hint in hints.items() if (group := _group(hint)) is not None}

    @wraps(verb)
    def with_fields(**values: Any) -> None:
        values.pop("help_all", None)
        for name, group in groups.items():
            values[name] = group.take(values)
        verb(**values)

    parameters = list[inspect.Parameter]()
    for name, parameter in inspect.signature(verb).parameters.items():
        own = parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        parameters.extend(groups[name].parameters() if name in groups else [own])
    if verb.__name__ in USUAL:
        parameters.append(
            inspect.Parameter("help_all", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=HelpAll)
        )
    with_fields.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads it
    with_fields.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_fields


def _group(hint: Any) -> _Group | None:
    kind, *beside = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if not dataclasses.is_dataclass(kind):
        return None
    only = next((each for each in beside if isinstance(each, Only)), None)
    return _Group(kind, tuple(options_of(kind)) if only is None else only.names)  # type: ignore[arg-type]  # a class


def _written(field: dataclasses.Field[Any], hint: Any, panel: str) -> tuple[Any, Any]:
    """Return type and default of an option on the command line: text where its value is read from text."""
    kind, default, read = hint, field.default, field.metadata[READER]
    if field.name in REPEATED:
        kind, default = list[str] | None, None
    elif read not in (None, Path):
        kind, default = str | None, _as_text(default)
    # A switch with one name: typer would add --no-... to it otherwise.
    names = NAMES.get(field.name, (flag(field.name),))
    meaning, metavar = in_flags(field.metadata[MEANING]), METAVARS.get(field.name)
    return Annotated[kind, typer.Option(*names, help=meaning, metavar=metavar, rich_help_panel=panel)], default


def _as_text(default: Any) -> str | None:
    if isinstance(default, tuple):
        return ",".join(map(str, default)) or None
    return None if default is None else str(default)
