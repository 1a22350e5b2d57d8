"""Fields as flags: what is below the command line names options as Python does, in backticks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

FIELD = re.compile(r"`([a-z][a-z0-9_]*)`")
OTHER_NAMES = {
    "strategy": "strategies",
    "adapter": "adapters",
    "task": "tasks",
    "strategies": "strategy",
    "learning_rate": "learning_rates",
    "stage1_learning_rate": "stage1_learning_rates",
    "seed": "seeds",
    "diagnostics": "no_diagnostics",
    "privacy": "dp",
}
"""Fields that some verbs know by another name: a list of what another verb takes one of, or the opposite."""


def flag(field: str) -> str:
    """Return the usual flag of a field."""
    return f"--{field.replace('_', '-')}"


def flags_of(verb: Any) -> dict[str, str]:
    """Return the flags of a verb, typer's command, by field; arguments are in capitals, as in the help."""
    options = [parameter for parameter in verb.params if parameter.param_type_name == "option"]
    names = {long.lstrip("-").replace("-", "_"): long for each in options for long in each.opts if long[:2] == "--"}
    names |= {each.name: each.name.upper() for each in verb.params if each not in options}
    return {field: names[other] for field, other in OTHER_NAMES.items() if other in names} | names


def error_in_flags(error: str) -> str:
    """Return the error of a run in flags; a traceback, which may quote anything, stays as it is."""
    return error if error.startswith("Traceback") else in_flags(error)


def in_flags(text: str, flags: Mapping[str, str] | None = None) -> str:
    """Return a text with flags in place of the fields that it names in backticks.

    Fields that are not in `flags`, a verb's, stay as they are; None gives every field its usual flag.
    """

    def written(found: re.Match[str]) -> str:
        return flag(found[1]) if flags is None else flags.get(found[1], found[0])

    return FIELD.sub(written, text)
