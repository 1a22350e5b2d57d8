"""The one way in which values of ours become JSON files and are read back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

from headstart.atomic_files import write_json
from headstart.errors import CheckpointError, DamageError, HeadstartError, NewerError
from headstart.safe_files import json_object, json_value, read_bytes
from headstart.store.schema import RETIRED, SCHEMA_VERSION, schema_of, upgraded

T = TypeVar("T")
_THIS_SCHEMA = re.compile(rb'\A\{\s*"schema_version":\s*%d,' % SCHEMA_VERSION)
_ADAPTERS: dict[type, Any] = {}
LARGEST_WHOLE = 1 << 64
"""Beyond what any run counts; a whole number may be so large that it is no number of the machine's."""
_MAY_BE_LARGE = re.compile(rb"\d{20}")


def dump(value: Any) -> dict[str, Any]:
    """Return a dataclass as JSON values, its schema first."""
    return {"schema_version": SCHEMA_VERSION, **_adapter(type(value)).dump_python([value], mode="json")[0]}


def load(kind: type[T], values: dict[str, Any], path: Path) -> T:
    """Return what `dump` made JSON of, in this schema or an older one; a field without a default must be there.

    `path` is that of the file, for messages.

    Raises:
        NewerError: if a newer headstart wrote them.
        CheckpointError: if they are damaged: a field is unknown, missing or of the wrong type.
    """
    try:
        current = current_values(kind.__name__, values, path)
    except (AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged: {error!r}") from error
    return _validated(kind, json.dumps(current).encode(), path)


def current_values(name: str, values: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the JSON values of a file, of the type `name`, as this headstart writes them.

    Raises:
        NewerError: if a newer headstart wrote them.
        CheckpointError: if the schema that they say is none.
    """
    schema = schema_of(values)
    if not isinstance(schema, int) or schema < 1:
        raise CheckpointError(f"{path} is damaged: `schema_version` is {schema!r}")
    if schema > SCHEMA_VERSION:
        raise NewerError(path, schema, SCHEMA_VERSION)
    return upgraded(name, values, schema)


def write_record(path: Path, value: Any) -> None:
    """Write a dataclass as a JSON file, whole or not at all."""
    write_json(path, dump(value))


def read_record(kind: type[T], path: Path) -> T:
    """Read what `write_record` wrote, in this schema or an older one.

    Raises:
        FileNotFoundError: if the file is missing.
        NewerError: if a newer headstart wrote it.
        CheckpointError: if it is damaged.
    """
    return record_of(kind, read_bytes(path), path)


def record_of(kind: type[T], content: bytes, path: Path) -> T:
    """Return what the content of a file that `write_record` wrote says, as `read_record` does."""
    current, is_current = _THIS_SCHEMA.subn(b"{", content, count=1)
    if is_current and kind.__name__ not in RETIRED:  # One pass over the file instead of three.
        return _validated(kind, current, path)
    return load(kind, json_object(content, path), path)


def _validated(kind: type[T], content: bytes, path: Path) -> T:
    from pydantic import ValidationError

    try:
        found: T = _adapter(kind).validate_json(b"[" + content + b"]", strict=True)[0]
    except HeadstartError as error:  # What a value of ours refuses, from whoever it comes.
        raise DamageError(path, str(error)) from error
    except ValidationError as error:
        faults = (f"`{'.'.join(map(str, fault['loc'][1:]))}`: {fault['msg']}" for fault in error.errors())
        raise CheckpointError(f"{path} is damaged: {'; '.join(faults)}") from error
    # Few files have a digest that looks like one.
    if _MAY_BE_LARGE.search(content) and (name := _large_number(json_value(content, path))) is not None:
        raise DamageError(path, f"`{name}` is larger than any number that is counted")
    return found


def _large_number(value: Any) -> str | None:
    """Return where a whole number out of bounds stands, as in "stages.0.num_steps"; None where there is none."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            found = _large_number(inner)
            if found is not None:
                return f"{name}.{found}".removesuffix(".")
        return None
    return "" if isinstance(value, int) and abs(value) > LARGEST_WHOLE else None


def _adapter(kind: type) -> Any:
    if kind not in _ADAPTERS:
        from pydantic import ConfigDict, TypeAdapter

        # A plain dataclass takes no configuration of its own; inside a list it takes the list's.
        _ADAPTERS[kind] = TypeAdapter(list[kind], config=ConfigDict(extra="forbid", allow_inf_nan=False))  # type: ignore[valid-type]
    return _ADAPTERS[kind]
