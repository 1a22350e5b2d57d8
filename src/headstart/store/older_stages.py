"""Stages as older versions wrote them (schemas 1 and 2), in today's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def upgraded_stage(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stage's JSON values in today's shape; a stage that has it already comes back as it is.

    Until schema 2 a start, a head's origin and a selection were words, and their numbers stood beside them.
    """
    if not isinstance(values["start"], str):
        return dict(values)
    kept = ("name", "role", "optimizer", "num_steps", "regulariser")
    return {name: values[name] for name in kept if name in values} | {
        "start": _start(values),
        "head_from": _head(values),
        "trainable": _selection(values),
    }


def _start(values: Mapping[str, Any]) -> dict[str, Any]:
    if values.get("num_redrawn_layers"):
        return {"name": "reinitialised", "layers": values["num_redrawn_layers"]}
    if values["start"] == "merged":
        return {"name": "merged", "fraction": values.get("merged_fraction", 1.0)}
    return {"name": values["start"]}


def _head(values: Mapping[str, Any]) -> dict[str, Any]:
    if values["head_from"] == "previous":
        return {"name": "previous", "calibrated": values.get("calibrates_head", False)}
    return {"name": {"soup": "of_start"}.get(values["head_from"], values["head_from"])}


def _selection(values: Mapping[str, Any]) -> dict[str, Any]:
    name = values["trainable"]
    if name == "adapter_and_head":
        return {
            "name": name,
            "spec": values["adapter"],
            "saved": values.get("adapter_from"),
            "width": values.get("quantised"),
        }
    if name == "top_layers_and_head":
        return {"name": "top_layers", "layers": values["num_top_layers"]}
    return {"name": name}
