"""Parameters of estimators: values as Python programs have them, made options of ours."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from headstart.errors import UsageError
from headstart.experiments.options import DecisionOptions, MethodOptions, ModelOptions, Options, TrainingOptions
from headstart.option import check_types, options_of, read_options
from headstart.process_state import alone
from headstart.search.options import SearchOptions

GROUPS = (ModelOptions, MethodOptions, TrainingOptions, SearchOptions, DecisionOptions)
OFFERED = {name: field for kind in GROUPS for name, field in options_of(kind).items() if name != "class_weights"}
"""The estimators' options by name; `class_weights` has scikit-learn's name."""

NUM_SEEDS = 2**31
WEIGHTS_FILE = "class_weights.json"


def read_search(parameters: Mapping[str, Any]) -> SearchOptions:
    """Return what an estimator's parameters ask of the search for the best model."""
    return read_options(SearchOptions, {name: plain(parameters[name]) for name in OFFERED})


def read_deciding(parameters: Mapping[str, Any]) -> DecisionOptions:
    """Return how an estimator's parameters ask the finished model to decide."""
    return read_options(DecisionOptions, {name: plain(parameters[name]) for name in OFFERED})


def read_parameters(parameters: Mapping[str, Any], classes: Sequence[Any], folder: Path) -> Options:
    """Return options.

    Args:
        parameters: of an estimator, by name.
        classes: that weights may be given for; empty where labels are numbers.
        folder: for a file with the weights of the classes.

    Raises:
        UsageError: if a value is of another type, or not allowed.
    """
    given = {name: plain(parameters[name]) for name in OFFERED}
    given["class_weights"] = _class_weights(parameters["class_weight"], classes, folder)
    for kind in GROUPS:
        check_types(kind, given)
    return Options(
        model=read_options(ModelOptions, given),
        method=read_options(MethodOptions, given),
        training=read_options(TrainingOptions, given),
    )


def read_seed(random_state: Any) -> int:
    """Return a root seed: a number as it is, a draw from a generator of NumPy, or from the global one for None.

    Raises:
        UsageError: if it is none of these.
    """
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool):
        return int(random_state)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(NUM_SEEDS))
    if random_state is None or isinstance(random_state, np.random.RandomState):
        # A training in another thread has the global generator at numbers of its own, and sets it back at its end.
        with alone():
            return int(check_random_state(random_state).randint(NUM_SEEDS))
    raise UsageError(
        f"`random_state` was given as {random_state!r}",
        allowed="  It is a whole number, a generator of NumPy, or None, which draws from NumPy's global one.",
    )


def plain(value: Any) -> Any:
    """Return numbers of NumPy as Python's and paths as texts, also inside of lists."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple):
        return type(value)(plain(part) for part in value)
    return value


def _class_weights(given: Any, classes: Sequence[Any], folder: Path) -> str:
    """Return weights as the option `class_weights` takes them; a dictionary becomes a file."""
    if isinstance(given, os.PathLike):
        return str(os.fspath(given))
    if given is None or isinstance(given, str):
        return given or "none"
    if not isinstance(given, Mapping):
        raise UsageError(
            f"`class_weight` was given as {given!r}",
            allowed='  It is None, "balanced", a dictionary of class: weight, or a JSON file that holds one.',
        )
    known = {plain(each): str(each) for each in classes}
    for each in given:
        if plain(each) not in known:
            raise UsageError(
                f"`class_weight` has a weight for {each!r}, which is no class of y",
                allowed=f"  Classes: {', '.join(map(repr, known))}.",
            )
    weights = {plain(each): plain(weight) for each, weight in given.items()}
    file = folder / WEIGHTS_FILE
    # As in scikit-learn, a class that is not named has the weight 1.
    file.write_text(json.dumps({name: weights.get(each, 1.0) for each, name in known.items()}), encoding="utf-8")
    return str(file)
