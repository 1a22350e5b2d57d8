"""What was declared stays as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from headstart.errors import CheckpointError, UsageError
from headstart.store.declared import DeclaredLooks, declare_looks, read_looks
from headstart.store.local import LocalStore

LOOKS = DeclaredLooks(baseline_digest="b" * 32, looks=(6, 7, 8), confidence=0.95, narrower_than=0.02)


def test_it_is_read_back_and_may_be_declared_again(tmp_path: Path):
    store = LocalStore(tmp_path / "runs")
    assert read_looks(store, "a") is None
    assert not store.exists
    declare_looks(store, "a", LOOKS)
    declare_looks(store, "a", LOOKS)
    assert read_looks(LocalStore(tmp_path / "runs"), "a") == LOOKS
    assert store.records() == []


@pytest.mark.parametrize(
    "changes", [{"looks": (6, 8)}, {"narrower_than": None}, {"baseline_digest": "c"}, {"confidence": 0.9}]
)
def test_something_else_is_refused(tmp_path: Path, changes: dict[str, object]):
    store = LocalStore(tmp_path / "runs")
    declare_looks(store, "a", LOOKS)
    with pytest.raises(UsageError, match=r"looks at 6, 7, 8 pairs at 95%, or narrower than 2 points"):
        declare_looks(store, "a", replace(LOOKS, **changes))
    assert read_looks(store, "a") == LOOKS


@pytest.mark.parametrize("text", ["{", "[]", '{"looks": [6]}', '{"looks": 6}'])
def test_a_damaged_file_is_an_error(tmp_path: Path, text: str):
    store = LocalStore(tmp_path / "runs")
    declare_looks(store, "a", LOOKS)
    (tmp_path / "runs" / "a" / "looks.json").write_text(text)
    with pytest.raises(CheckpointError, match="is damaged"):
        read_looks(store, "a")
