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
        "report": ("report", made.store, "--out", "r.html", "-q"),
        "compare": made.compare,
    }[verb]


@pytest.mark.parametrize("verb", ["fit", "predict", "export", "report", "compare"])
def test_killed_at_some_operations(verb: str, made: Made, tmp_path: Path) -> None:
    watched = killed(call_of(verb, made), tmp_path)
    assert not list(watched.faults(spread(watched.states, 3)))


@pytest.mark.faults
@pytest.mark.parametrize("verb", ["fit", "predict", "export", "report"])
def test_killed_at_every_operation(verb: str, made: Made, tmp_path: Path) -> None:
    assert not list(killed(call_of(verb, made), tmp_path).faults())


@pytest.mark.faults
def test_compare_killed_at_a_fifth_of_its_operations(made: Made, tmp_path: Path) -> None:
    watched = killed(made.compare, tmp_path)
    assert not list(watched.faults(watched.states[FIFTH::5])), f"the states from {FIFTH} on"
