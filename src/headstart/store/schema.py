"""The schema of the files that headstart writes, and how files of an older one are brought up to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headstart.store.older_stages import upgraded_stage

SCHEMA_VERSION = 5
"""2: kinds of tasks, losses, folds and scores on other rows. 3: every file says its schema at its top; what a
stage starts from and trains are values of their own; a record has `constant_score` for `majority_score`. 4: a record
has its setting and the libraries' versions in place of a digest of its environment. 5: an experiment says how tables
are read and in which unit numbers are learned, a model folder how its table was read and what bf16 changes."""

Values = dict[str, Any]


def schema_of(values: Values) -> object:
    """Return the schema that a file says it has.

    Up to schema 2 an experiment held it one level deeper, and some files did not hold it; these did not change from 1
    to 2.
    """
    inside = values.get("experiment")
    said_inside = inside.get("schema_version", 2) if isinstance(inside, dict) else 2
    return values.get("schema_version", said_inside)


def upgraded(name: str, values: Values, schema: int) -> Values:
    """Return the values of a file, of the type `name` and in an older schema, as this headstart writes them."""
    for step in range(schema, SCHEMA_VERSION):
        upgrade = UPGRADES.get((name, step))
        values = upgrade(values) if upgrade else values
    left_out = {"schema_version", *RETIRED.get(name, ())}
    return {key: value for key, value in values.items() if key not in left_out}


def _experiment_from_1(values: Values) -> Values:
    """The options of a file's columns are an object of their own."""
    source = dict(values["source"])
    del source["split_seed"]  # Always 0.
    names = ("text", "text_pair", "label", "validation")
    return values | {"source": source | {"options": {name: source.pop(name) for name in names}}}


def _experiment_from_2(values: Values) -> Values:
    """The schema is at the file's top, a stage's values have names, and nothing sets the seed of a cut."""
    experiment = {key: value for key, value in values["experiment"].items() if key != "schema_version"}
    plan = [upgraded_stage(stage) for stage in experiment["plan"]]
    return values | {"experiment": experiment | {"plan": plan}, "source": _source_from_2(values["source"])}


def _source_from_2(source: Values) -> Values:
    options = {key: value for key, value in source["options"].items() if key != "seed"}  # Always 0.
    return source | {
        "options": options,
        "evaluate_on": [_source_from_2(each) for each in source.get("evaluate_on", ())],
    }


def _run_from_2(values: Values) -> Values:
    """The best constant answer's score has its name, in a run and on other rows."""
    others = [_renamed(other) for other in values.get("others", ())]
    return _renamed(values) | ({"others": others} if others else {})


def _run_from_3(values: Values) -> Values:
    """The store adds the setting from the files beside a record."""
    return {name: value for name, value in values.items() if name != "environment_digest"}


def _renamed(values: Values) -> Values:
    return {"constant_score" if name == "majority_score" else name: value for name, value in values.items()}


UPGRADES: dict[tuple[str, int], Callable[[Values], Values]] = {
    ("StoredExperiment", 1): _experiment_from_1,
    ("StoredExperiment", 2): _experiment_from_2,
    ("RunRecord", 2): _run_from_2,
    ("RunRecord", 3): _run_from_3,
}
"""By the type that a file holds and the schema that it has; each returns the values in the next schema."""
RETIRED: dict[str, tuple[str, ...]] = {"StoredExperiment": ("source_checksum",)}
"""By the type that a file holds, fields that files of every schema may still have and that nothing reads any more."""
