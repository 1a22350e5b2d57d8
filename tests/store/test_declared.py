"""What was declared stays as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.errors import CheckpointError, DamageError, UsageError
from headstart.store.declared import DeclaredAxis, DeclaredLooks, declare_axis, declare_looks, read_axes, read_looks
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


def test_values_of_an_axis_that_is_declared_again_come_after_those_of_before(tmp_path: Path):
    store = LocalStore(tmp_path / "runs")
    assert read_axes(store, "a") == ()
    declare_axis(store, "a", DeclaredAxis(axis="head", value="linear", values=("native", "linear")))
    declare_axis(store, "a", DeclaredAxis(axis="max_length", value="64", values=("64", "128")))
    declare_axis(store, "a", DeclaredAxis(axis="head", value="linear", values=("linear", "fourier_kan", "native")))
    head, length = read_axes(LocalStore(tmp_path / "runs"), "a")
    assert (head.values, head.value, head.is_first) == (("native", "linear", "fourier_kan"), "linear", False)
    assert (str(length), length.is_first) == ("max_length=64", True)


@pytest.mark.parametrize("changes", [{"axis": "batch_size"}, {"value": "mlp"}])
def test_an_axis_is_one_that_can_be_declared_and_holds_its_value(changes: dict[str, str]):
    with pytest.raises(ValueError, match="varies one of head, pooling"):
        replace(DeclaredAxis(axis="head", value="native", values=("native", "linear")), **changes)


def test_a_changed_digit_of_an_axis_is_damage(tmp_path: Path) -> None:
    """Another first value would be another baseline, or none."""
    store = LocalStore(tmp_path / "runs")
    declare_axis(store, "a", DeclaredAxis(axis="max_length", value="128", values=("64", "128")))
    path = tmp_path / "runs" / "a" / "varied.json"
    whole = path.read_text()
    path.write_text(whole.replace('"64"', '"65"'))
    with pytest.raises(DamageError, match=r"varied\.json is damaged: its bytes changed"):
        read_axes(store, "a")
    values = json.loads(whole)
    del values["checksum"]
    path.write_text(json.dumps(values))
    assert len(read_axes(store, "a")) == 1, "an older headstart wrote no checksum"
