"""YAML recipes: the options of `compare` in a file. What the command line says wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer

from headstart.cli.session import is_task
from headstart.errors import DamageError, UsageError, for_each, unknown_name
from headstart.experiments.resolved_loss import WEIGHTS
from headstart.option import split_list
from headstart.safe_files import read_text
from headstart.tables.paths import ADDRESS, HUB_PREFIX

SUFFIXES = (".yaml", ".yml")
FILE, EVALUATE_ON, VARY, TRAINER = "file", "evaluate_on", "vary", "trainer"
MOST_BYTES, MOST_VALUES = 1 << 20, 100_000
"""Of a recipe."""
EXPECTED = "headstart.expected"
"""Where a call's context keeps what its recipe expects to come out."""
Place = Callable[[Path, str], str]


def recipe_defaults(context: typer.Context, value: str | None) -> str | None:
    """Where the file is a recipe, make its options the defaults of this call; return the data file to read.

    What it expects to come out is kept in the call's context, under `EXPECTED`.

    Raises:
        UsageError: if the recipe is not a mapping of options, or names one that does not exist.
    """
    if value is None or Path(value).suffix not in SUFFIXES:
        return value
    path = Path(value)
    names = {name: str(each.name) for each in context.command.params for name in _names(each)}
    values = _read(path)
    context.meta[EXPECTED] = values.pop("expected", {})
    options = _placed(path.parent, _in_own_names(path, values, names))
    file = options.pop(FILE, None)
    context.default_map = {name: _as_text(path, name, written) for name, written in options.items()}
    return None if file is None else str(file)


def _names(parameter: Any) -> list[str]:
    """Return what a recipe may call an option: as the function does, or as a flag does."""
    return [str(parameter.name), *(flag.lstrip("-").replace("-", "_") for flag in parameter.opts if flag[:2] == "--")]


def _read(path: Path) -> dict[str, Any]:
    import yaml

    if not path.is_file():
        raise UsageError(f"no such recipe: {path}")
    try:
        values = yaml.safe_load(read_text(path, most_bytes=MOST_BYTES))
        num_values = _num_values(values, {})
    except yaml.YAMLError as error:
        raise UsageError(f"the recipe {path} is not YAML: {error}") from error
    except DamageError as error:
        raise UsageError(f"the recipe {path} cannot be read: {error.what}") from error
    except RecursionError as error:
        raise UsageError(
            f"the recipe {path} is nested too deeply", allowed="  It is written `option: value`, one a line."
        ) from error
    if num_values > MOST_VALUES:
        raise UsageError(
            f"the recipe {path} holds {num_values:,} values, those that `*` repeats counted each time",
            allowed=f"  At most {MOST_VALUES:,} are read.",
        )
    if not isinstance(values, dict):
        raise UsageError(f"the recipe {path} holds no options", allowed="  It is written `option: value`, one a line.")
    return {str(name): value for name, value in values.items()}


def _num_values(value: Any, counted: dict[int, int]) -> int:
    """Return how many values are in one as it is written out: what a file repeats by its name is one object."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in counted:
        inner = (*value, *value.values()) if isinstance(value, dict) else value
        counted[id(value)] = 1 + sum(_num_values(each, counted) for each in inner)
    return counted[id(value)]


def _in_own_names(path: Path, values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the values by the names of the verb's parameters."""

    def own(name: str) -> str:
        if name.replace("-", "_") not in names:
            raise unknown_name(f"option in {path}", name, names)
        return names[name.replace("-", "_")]

    found: dict[str, Any] = {}
    for name, option in zip(values, for_each(values, own), strict=True):
        if option in found:
            raise UsageError(
                f"the recipe {path} gives {name} twice, under two names", remedy="  Leave one of them out."
            )
        found[option] = values[name]
    return found


def _path(folder: Path, written: str) -> str:
    return str(folder / Path(written).expanduser())


def _file(folder: Path, written: str) -> str:
    is_whole = written.startswith((HUB_PREFIX, "~")) or ADDRESS.match(written)
    return written if is_whole else _path(folder, written)


def _file_unless_task(folder: Path, written: str) -> str:
    return written if is_task(written) and not (folder / written).is_dir() else _file(folder, written)


def _folder_if_there(folder: Path, written: str) -> str:
    return _path(folder, written) if (folder / written).is_dir() else written


def _weights(folder: Path, written: str) -> str:
    return written if written in WEIGHTS else _path(folder, written)


INPUTS: dict[str, Place] = {
    FILE: _file,
    "validation": _file,
    "label_file": _file,
    EVALUATE_ON: _file_unless_task,
    "data_root": _path,
    "adapter_from": _path,
    "model": _folder_if_there,
    "class_weights": _weights,
}
"""Options that name what is read: from the recipe's folder, so that a recipe may be called from anywhere.

What is written, `store`, is taken from the folder of the call."""


def _placed(folder: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with paths of what is read taken from the recipe's folder."""

    def placed(name: str, value: Any) -> Any:
        if name == VARY and isinstance(value, dict):
            return {axis: placed(axis, values) for axis, values in value.items()}
        if name not in INPUTS or value is None:
            return value
        if isinstance(value, list):
            return [INPUTS[name](folder, str(part)) for part in value]
        return INPUTS[name](folder, str(value))

    return {name: placed(name, _as_lists(name, value)) for name, value in options.items()}


def _as_text(path: Path, name: str, value: Any) -> Any:
    """Return a value as the command line has it: lists stand for what is separated by commas there."""
    if name == TRAINER and not isinstance(value, dict):
        return [value] if isinstance(value, str) else value
    if isinstance(value, dict):
        if name != VARY or len(value) != 1:
            raise UsageError(
                f"`{name}` was given as {value} in the recipe {path}",
                allowed="  Only `vary` has a mapping, of one axis to its values: {head: [native, linear]}.\n"
                "  `trainer` has a list: [weight_decay=0.1].",
            )
        ((axis, values),) = value.items()
        return f"{axis}={_as_text(path, axis, values)}"
    return ",".join(str(part) for part in value) if isinstance(value, list) else value


def _as_lists(name: str, value: Any) -> Any:
    """Return what may name several files as a list, and what varies as a mapping of its axis to a list."""
    if not isinstance(value, str):
        return value
    if name == VARY:
        axis, _, values = value.partition("=")
        return {axis: list(split_list(values))}
    return list(split_list(value)) if name == EVALUATE_ON else value
