"""YAML recipes: the options of `compare` in a file. What the command line says wins."""

from __future__ import annotations

from pathlib import Path

import typer

from headstart.errors import UsageError, unknown_name

SUFFIXES = (".yaml", ".yml")


def recipe_defaults(context: typer.Context, value: str | None) -> str | None:
    """Where the file is a recipe, make its options the defaults of this call; return the data file to read.

    Raises:
        UsageError: if the recipe is not a mapping of options, or names one that does not exist.
    """
    if value is None or Path(value).suffix not in SUFFIXES:
        return value
    defaults = _read(Path(value), [str(parameter.name) for parameter in context.command.params])
    file = defaults.pop("file", None)
    context.default_map = defaults
    return None if file is None else str(Path(value).parent / str(file))


def _read(path: Path, known: list[str]) -> dict[str, object]:
    import yaml

    if not path.is_file():
        raise UsageError(f"no such recipe: {path}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"the recipe {path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(f"the recipe {path} holds no options", allowed="  It is written `option: value`, one a line.")
    options = {str(key).replace("-", "_"): value for key, value in values.items() if key != "expected"}
    for option in options:
        if option not in known:
            raise unknown_name(f"option in {path}", option, known)
    return {option: value if option == "trainer" else _as_text(value) for option, value in options.items()}


def _as_text(value: object) -> object:
    """Lists in YAML stand for the comma-separated lists of the command line."""
    return ",".join(str(part) for part in value) if isinstance(value, list) else value
