"""What the library datasets says of a column beside its Arrow type: names of classes, and values kept as JSON text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from headstart.kinds.cells import INTEGER, is_missing
from headstart.tables.file_options import FileOptions

METADATA_KEY = b"huggingface"
"""Under which datasets keeps a table's features in its schema."""
NO_LABEL = -1
"""What datasets writes where a row has no class."""
LIST_TYPES = ("List", "LargeList", "Sequence")

Decode = Callable[[object], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """How the values of one column are to be read.

    Attributes:
        decode: makes what a value means of what is stored; raises a `ValueError` that says what is wrong with it.
        classes: their names in declared order, where the values are classes or lists of them.
        holds_json: values are JSON text in the file and may be of several types.
    """

    decode: Decode
    classes: tuple[str, ...] = ()
    holds_json: bool = False


def wants_names(options: FileOptions) -> bool:
    """Whether classes are called by their names; where the answer is a number or a place, codes stay."""
    return options.kind is None or options.kind.has_classes


def features_of(schema: pa.Schema, *, with_names: bool = True) -> dict[str, Feature]:
    """Return the columns of a schema whose values mean something else than what is stored; those inside others dotted.

    Args:
        schema: with datasets' metadata, or without: columns of Arrow's own JSON type are found too.
        with_names: whether classes are called by their names; otherwise their codes stay. A class of -1 is no label
            either way.
    """
    described = dict(_leaves("", _described(schema.metadata or {})))
    features = {}
    for name, stored in _fields(schema):
        feature = _feature(described.get(name), with_names=with_names)
        if feature is None and str(stored) == "extension<arrow.json>":
            feature = Feature(decode=_from_json, holds_json=True)
        if feature is not None:
            features[name] = feature
    return features


def class_feature(names: Sequence[str], *, with_names: bool = True) -> Feature:
    """Return how a class is read whose code is its place among these names."""
    known = frozenset(names)

    def decode(value: object) -> object:
        if is_missing(value):
            return None
        code = value
        if isinstance(value, str):
            if value in known:
                return value
            code = int(value) if INTEGER.fullmatch(value.strip()) else value
        if isinstance(code, bool) or not isinstance(code, int) or not NO_LABEL <= code < len(names):
            raise ValueError(f"is none of the {len(names)} classes that the file declares")
        if code == NO_LABEL:
            return None
        return names[code] if with_names else code

    return Feature(decode=decode, classes=tuple(names) if with_names else ())


def _described(metadata: Mapping[bytes, bytes]) -> dict[str, object]:
    try:
        described = json.loads(metadata.get(METADATA_KEY, b"{}"))
    except ValueError:
        return {}
    for key in ("info", "features"):
        described = described.get(key) if isinstance(described, dict) else None
    return described if isinstance(described, dict) else {}


def _feature(described: object, *, with_names: bool) -> Feature | None:
    """Return how a described column is read; None where what is stored is what is meant."""
    if isinstance(described, list) and len(described) == 1:
        described = {"_type": "List", "feature": described[0]}
    if not isinstance(described, dict):
        return None
    kind, names = described.get("_type"), described.get("names")
    if kind == "ClassLabel" and isinstance(names, list):
        return class_feature([str(name) for name in names], with_names=with_names)
    if kind == "Json":
        return Feature(decode=_from_json, holds_json=True)
    if kind in LIST_TYPES:
        inner = _feature(described.get("feature"), with_names=with_names)
        return inner and Feature(decode=_each(inner.decode), classes=inner.classes, holds_json=inner.holds_json)
    return None


def _leaves(before: str, described: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield what is described, columns inside others as `content.text`."""
    for name, each in described.items():
        if isinstance(each, dict) and "_type" not in each:
            yield from _leaves(f"{before}{name}.", each)
        else:
            yield f"{before}{name}", each


def _fields(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    pending = [(str(field.name), field.type) for field in schema]
    while pending:
        name, stored = pending.pop(0)
        if pa.types.is_struct(stored):
            pending += [(f"{name}.{field.name}", field.type) for field in stored.fields]
        else:
            yield name, stored


def _each(decode: Decode) -> Decode:
    return lambda value: [decode(each) for each in value] if isinstance(value, list) else value


def _from_json(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise ValueError("is not JSON") from error
