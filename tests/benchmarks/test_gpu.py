"""`make gpu` without a GPU: what is missing is named, the time is kept, a later call goes on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu
from benchmarks.gpu import Call, OutOfTimeError, run_parts, write_page

MACHINE: dict[str, str | None] = {"gpu": None, "torch": "2"}


def call_of(out: Path, seconds: float = 60.0, *, again: bool = False) -> Call:
    return Call(device="cpu", out=out, deadline=time.monotonic() + seconds, again=again)


class Part:
    """Counts its calls; the first may fail."""

    def __init__(self, *errors: BaseException, ok: bool = True) -> None:
        self.errors, self.ok, self.num_calls = list(errors), ok, 0

    def __call__(self) -> dict[str, Any]:
        self.num_calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return {"summary": "3 passed", "ok": self.ok}


def test_a_later_call_goes_on_where_one_was_killed(tmp_path: Path) -> None:
    parts = {"first": Part(), "second": Part(KeyboardInterrupt()), "third": Part()}
    with pytest.raises(KeyboardInterrupt):
        run_parts(call_of(tmp_path), parts, MACHINE)
    assert write_page(tmp_path, tuple(parts)) == 1
    run_parts(call_of(tmp_path), parts, MACHINE)
    assert [part.num_calls for part in parts.values()] == [1, 2, 1]
    assert write_page(tmp_path, tuple(parts)) == 0
    run_parts(call_of(tmp_path, again=True), parts, MACHINE)
    assert [part.num_calls for part in parts.values()] == [2, 3, 2]


def test_a_part_that_time_ran_out_for_is_left_to_the_next_call(tmp_path: Path) -> None:
    parts = {"long": Part(OutOfTimeError()), "next": Part()}
    run_parts(call_of(tmp_path), parts, MACHINE)
    assert not (tmp_path / "long.json").exists()
    assert (tmp_path / "next.json").exists()
    late = {"late": Part()}
    run_parts(call_of(tmp_path, seconds=1.0), late, MACHINE)
    assert late["late"].num_calls == 0


def test_records_of_other_code_or_another_machine_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {"only": Part()}
    run_parts(call_of(tmp_path), parts, MACHINE)
    run_parts(call_of(tmp_path), parts, MACHINE | {"gpu": "H100"})
    monkeypatch.setattr(gpu, "code_digest", lambda: "other")
    run_parts(call_of(tmp_path), parts, MACHINE | {"gpu": "H100"})
    assert parts["only"].num_calls == 3


def test_a_damaged_record_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "only.json").write_text('{"setting": ')
    parts = {"only": Part()}
    run_parts(call_of(tmp_path), parts, MACHINE)
    assert json.loads((tmp_path / "only.json").read_text())["ok"]


def test_the_page_says_what_failed_and_what_is_missing(tmp_path: Path) -> None:
    run_parts(call_of(tmp_path), {"bad": Part(ok=False)}, MACHINE)
    assert write_page(tmp_path, ("bad", "later")) == 1
    page = (tmp_path / "results.md").read_text()
    assert "| later | not run yet |" in page
    assert "the numbers mean nothing" in page


def test_a_child_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(OutOfTimeError):
        call_of(tmp_path, seconds=0.5).python("-c", "import time; time.sleep(60)")
    assert time.monotonic() - begin < 20


def test_what_is_missing_is_named_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "is_installed", lambda name: name not in ("xxhash", "PyYAML"))
    assert gpu.main(["--out", str(tmp_path / "out")]) == 2
    assert "this Python lacks: PyYAML, xxhash" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("requirement", ["torch>=2.6", "torch", "torch[all]>=2; x", "torch~=2", "torch ; x"])
def test_a_requirement_begins_with_its_name(requirement: str) -> None:
    assert gpu.name_of(requirement) == "torch"


def test_a_child_finds_what_its_parent_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "carried_along.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert call_of(tmp_path).python("-c", "import benchmarks, headstart, carried_along").returncode == 0
