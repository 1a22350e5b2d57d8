"""A call that is killed at any of its file operations and made again ends as if nothing had happened."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest

from tests.faults.conftest import Made, no_fault
from tests.support.kills import killed, spread

FIFTH = int(os.environ.get("FIFTH", datetime.date.today().toordinal() % 5))
"""Which fifth of the states of `compare` is tried: another one each day, or `FIFTH` (0 to 4) of the environment."""
PARTS = 4
"""In how many parts, which can run beside each other, the states of the longest call are tried."""


def call_of(verb: str, made: Made) -> tuple[object, ...]:
    return {
        "fit": made.fit,
        "auto": made.auto,
        "predict": ("predict", made.model, made.table, "--out", "p.csv", "-q"),
        "export": ("export", made.store, made.run, "--out", "m", "-q"),
        "report": ("report", made.store, "--out", "r.html"),
        "figures": ("report", made.store, "--out", "r.html", "--figures", "figures"),
        "compare": made.compare,
    }[verb]


@pytest.mark.parametrize("verb", ["fit", "predict", "export", "report", "compare"])
def test_killed_at_some_operations(verb: str, made: Made, tmp_path: Path) -> None:
    before = {"fit": made.model, "compare": made.store}.get(verb)
    watched = killed(call_of(verb, made), tmp_path, before)
    no_fault(watched.faults(spread(watched.states, 2)))


@pytest.mark.faults
@pytest.mark.parametrize("verb", ["fit", "predict", "export", "report", "figures"])
def test_killed_at_every_operation(verb: str, made: Made, tmp_path: Path) -> None:
    no_fault(killed(call_of(verb, made), tmp_path).faults())


@pytest.mark.faults
@pytest.mark.parametrize("part", range(PARTS))
def test_a_search_killed_at_every_operation(part: int, made: Made, tmp_path: Path) -> None:
    watched = killed(made.auto, tmp_path)
    no_fault(watched.faults(watched.states[part::PARTS]))


@pytest.mark.faults
@pytest.mark.parametrize("fifth", [FIFTH])
def test_compare_killed_at_a_fifth_of_its_operations(fifth: int, made: Made, tmp_path: Path) -> None:
    """The name of the test says which fifth it was; `make test-faults FIFTH=3` tries that one."""
    watched = killed(made.compare, tmp_path)
    no_fault(watched.faults(watched.states[fifth::5]))
