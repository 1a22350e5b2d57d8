"""A call that is killed at any of its file operations and made again ends as if nothing had happened."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from tests.faults.conftest import Made
from tests.support.kills import killed, spread

FIFTH = datetime.date.today().toordinal() % 5
"""Which fifth of the states of `compare` is tried today."""


def call_of(verb: str, made: Made) -> tuple[object, ...]:
    return {
        "fit": made.fit,
        "predict": ("predict", made.model, made.table, "--out", "p.csv", "-q"),
        "export": ("export", made.store, made.run, "--out", "m", "-q"),
        "report": ("report", made.store, "--out", "r.html"),
        "compare": made.compare,
    }[verb]


@pytest.mark.parametrize("verb", ["predict"])
def test_killed_at_some_operations(verb: str, made: Made, tmp_path: Path) -> None:
    """Before its output is in place; `compare` has tests of its own, with its executor."""
    watched = killed(call_of(verb, made), tmp_path, made.model if verb == "fit" else None)
    unfinished = [state for state in watched.states if not (state / "p.csv").exists()]
    assert not list(watched.faults(spread(unfinished, 2)))


@pytest.mark.faults
@pytest.mark.parametrize("verb", ["fit", "predict", "export", "report"])
def test_killed_at_every_operation(verb: str, made: Made, tmp_path: Path) -> None:
    assert not list(killed(call_of(verb, made), tmp_path).faults())


@pytest.mark.faults
def test_compare_killed_at_a_fifth_of_its_operations(made: Made, tmp_path: Path) -> None:
    watched = killed(made.compare, tmp_path)
    assert not list(watched.faults(watched.states[FIFTH::5])), f"the states from {FIFTH} on"
