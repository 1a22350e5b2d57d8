"""What users hold on to by name: verbs and their options, methods and theirs, and the fields that programs read.

`python -m tests.support.face` adds to tests/data/face.json what came since; nothing leaves it.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any, get_args, get_type_hints

import typer

from headstart import __all__ as names
from headstart import metrics
from headstart.adapters.catalogue import ADAPTERS
from headstart.api import HeadstartClassifier, HeadstartRegressor, LoadedModel, Predictions
from headstart.cli.main import app
from headstart.comparison.planning import Plan
from headstart.estimators.estimators import SIGNATURE
from headstart.inference.evaluate import Scores
from headstart.inference.user_files import Written
from headstart.inspection.data import DataReport
from headstart.inspection.doctor import ModelReport
from headstart.losses import LOSSES
from headstart.models.own_heads import HEADS
from headstart.store.record import RunRecord
from headstart.strategies.catalogue import STRATEGIES
from headstart.tasks.catalogue import TASKS
from tests.support.paths import REPOSITORY

FILE = REPOSITORY / "tests" / "data" / "face.json"
PUBLIC = (HeadstartClassifier, HeadstartRegressor, LoadedModel, Predictions)
PRINTED = (DataReport, ModelReport, Plan, RunRecord, Scores, Written)
"""What verbs print with --json, with all that is in it."""

Face = dict[str, dict[str, list[str]]]


def face() -> Face:
    """Return the names of today."""
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return {
        "python": {
            "headstart": sorted(names),
            "options of HeadstartClassifier": sorted(SIGNATURE.parameters),
            **{kind.__name__: _shown(kind) for kind in PUBLIC},
        },
        "verbs": {
            name: sorted(
                flag for each in verb.params for flag in (each.opts if each.opts[0][0] == "-" else [each.name])
            )
            for name, verb in verbs.items()
        },
        "strategies": {name: _options(STRATEGIES.get(name)) for name in STRATEGIES},
        "adapters": {name: _options(ADAPTERS.get(name)) for name in ADAPTERS},
        "heads": {name: _options(HEADS.get(name)) for name in HEADS},
        "losses": {name: _options(LOSSES.get(name)) for name in LOSSES},
        "names": {"metrics": list(metrics.KNOWN), "tasks": list(TASKS)},
        "json": {kind.__name__: sorted(_fields(kind)) for kind in PRINTED},
    }


def missing(kept: Face, today: Face) -> list[str]:
    """Return what was there and is not any more."""
    gone = []
    for group, places in kept.items():
        for place, found in places.items():
            now = today[group].get(place)
            gone += [f"{group}: {place}"] if now is None else [f"{place}: {name}" for name in found if name not in now]
    return gone


def _flags(parameter: Any) -> list[str]:
    return list(parameter.opts) if parameter.param_type_name == "option" else [parameter.name]


def _shown(kind: type) -> list[str]:
    """Return the attributes of a class of ours that a person may use, without those of scikit-learn."""
    own = {name for each in kind.__mro__ if each.__module__.startswith("headstart") for name in vars(each)}
    return sorted(name for name in own if not name.startswith("_"))


def _options(kind: Any) -> list[str]:
    return sorted(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else []


def _fields(kind: Any) -> set[str]:
    """Return the fields of a dataclass and of those in it, as `stages.scores`."""
    found = set()
    for name, hint in get_type_hints(kind).items():
        if name not in {field.name for field in dataclasses.fields(kind)}:
            continue
        found.add(name)
        inner = [each for each in (hint, *get_args(hint)) if dataclasses.is_dataclass(each)]
        found |= {f"{name}.{below}" for each in inner for below in _fields(each)}
    return found


if __name__ == "__main__":
    kept: Face = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    today = face()
    for group, places in kept.items():
        for place, found in places.items():
            today[group][place] = sorted({*today[group].get(place, []), *found})
    FILE.write_text(json.dumps(today, indent=1) + "\n", encoding="utf-8")
