"""GLUE and SuperGLUE: their tasks, as the TOML files beside this module describe them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from headstart.kinds.catalogue import DEFAULT_KIND, kind_named
from headstart.tasks.task import HubSource, Task


def _read_suite(suite: str) -> Mapping[str, Task]:
    """Return the tasks of a suite by their names, `<suite>/<task>`; one without rows to train on has no such split."""
    described = tomllib.loads(Path(__file__).with_name(f"{suite}.toml").read_text(encoding="utf-8"))
    tasks = {}
    for name, fields in described["tasks"].items():
        configuration = fields.pop("configuration", name)
        source = HubSource(
            repository=described["repository"], configuration=configuration, revision=described["revision"]
        )
        tasks[f"{suite}/{name}"] = _task(f"{suite}/{name}", source, fields)
    return MappingProxyType(tasks)


def _task(name: str, source: HubSource, fields: dict[str, Any]) -> Task:
    kind, num_rows = kind_named(fields.pop("kind", DEFAULT_KIND.name)), fields.pop("num_rows")
    rest: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    return Task(
        name=name,
        kind=kind,
        train_split="train" if "train" in num_rows else None,
        num_rows=tuple(num_rows.items()),
        source=source,
        **rest,
    )


GLUE = _read_suite("glue")
SUPER_GLUE = _read_suite("super_glue")
