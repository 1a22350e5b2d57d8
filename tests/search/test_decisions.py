"""A decision of a search that changed on the disk is not followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.errors import DamageError
from headstart.search.decisions import read_decision, write_decision
from headstart.search.trials import RacePlan
from headstart.store.local import LocalStore
from headstart.sweeps.verify import verify
from tests.search.support import PLAN
from tests.support.damage import flip


def test_a_changed_decision_is_named(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "m.unfinished")
    store.mark()
    first, second = store.root / "fits.json", store.root / "plan.json"
    for path in (first, second):
        write_decision(path, PLAN)
    assert (read_decision(RacePlan, first), read_decision(RacePlan, second)) == (PLAN, PLAN)
    flip(second)
    assert read_decision(RacePlan, first) == PLAN
    with pytest.raises(
        DamageError, match=r"plan\.json is damaged: its bytes changed\n  Remove .*the search begins anew"
    ):
        read_decision(RacePlan, second)
    assert [damage.file for damage in verify(store.root).damages] == [second]


def test_an_older_search_without_checksums_goes_on(tmp_path: Path) -> None:
    write_decision(tmp_path / "plan.json", PLAN)
    (tmp_path / "checksums.json").unlink()
    assert read_decision(RacePlan, tmp_path / "plan.json") == PLAN
