"""A call that was killed while it tidied up ends well when it is made again; another call is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.artifacts.folder_checks import INFO_FILE
from headstart.artifacts.model_info import FolderInfo
from headstart.artifacts.thresholds import Thresholds
from headstart.artifacts.working_store import (
    END_FILE,
    RUN_FILE,
    record_of_the_end,
    remove_working_store,
    require_free,
    say_all_is_written,
    working_store,
    written_before,
)
from headstart.errors import DamageError, UsageError
from headstart.manifest import write_manifest
from headstart.store.json_records import write_record
from headstart.store.local import LocalStore
from tests.conftest import CheckpointMaker
from tests.support.kinds import TASKS
from tests.support.records import run_record
from tests.support.saved import Example, make_example

THRESHOLDS = Thresholds(values=(0.4, 0.6, 0.5), num_rows=20, num_kept=0, macro_f1=0.5, macro_f1_at_half=0.4)


@pytest.fixture
def example(tiny_checkpoint: CheckpointMaker) -> Example:
    return make_example(tiny_checkpoint("bert"))


@pytest.fixture
def out(tmp_path: Path, example: Example) -> Path:
    """What is read of a model folder that is written, and its working store that is not yet removed."""
    out = tmp_path / "model"
    LocalStore(working_store(out)).mark()
    (working_store(out) / "abc").mkdir()
    write_record(out / RUN_FILE, run_record("abc", 0))
    write_record(out / INFO_FILE, FolderInfo(kind="model", info=example.info))
    return out


def test_what_was_written_counts_for_the_same_run_alone(out: Path) -> None:
    require_free(out)
    assert written_before(out, "abc", 0, has_thresholds=False) == run_record("abc", 0)
    with pytest.raises(UsageError, match="there already"):
        written_before(out, "abc", 1, has_thresholds=False)


def test_thresholds_are_asked_for_or_not(out: Path, example: Example) -> None:
    with pytest.raises(UsageError, match="there already"):
        written_before(out, "abc", 0, has_thresholds=True)
    info = replace(example.info, task=TASKS["multi_label"], thresholds=THRESHOLDS)
    write_record(out / INFO_FILE, FolderInfo(kind="model", info=info))
    assert written_before(out, "abc", 0, has_thresholds=True) is not None
    with pytest.raises(UsageError, match="there already"):
        written_before(out, "abc", 0, has_thresholds=False)


def test_without_a_working_store_nothing_is_left_behind(out: Path) -> None:
    remove_working_store(working_store(out))
    assert [path.name for path in out.parent.iterdir()] == ["model"]
    with pytest.raises(UsageError, match="there already"):
        require_free(out)
    with pytest.raises(UsageError, match="there already"):
        written_before(out, "abc", 0, has_thresholds=False)
    assert written_before(out.with_name("new"), "abc", 0, has_thresholds=False) is None


def test_the_end_of_a_call_is_that_call_s(out: Path) -> None:
    assert record_of_the_end(out, "a call") is None, "something is still to be written"
    say_all_is_written(working_store(out), "a call")
    assert record_of_the_end(out, "a call") == run_record("abc", 0)
    with pytest.raises(UsageError, match="there already"):
        record_of_the_end(out, "another call")


def test_half_a_store_is_not_gone_on_from(out: Path) -> None:
    say_all_is_written(working_store(out), "a call")
    shutil.rmtree(out)
    assert record_of_the_end(out, "a call") is None
    assert not working_store(out).exists()


def test_what_says_that_all_is_written_goes_last(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    say_all_is_written(working_store(out), "a call")

    def kill(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("headstart.artifacts.working_store.discard", kill)
        with pytest.raises(KeyboardInterrupt):
            remove_working_store(working_store(out))
    assert sorted(path.name for path in working_store(out).iterdir()) == [END_FILE, "store.json"]
    assert record_of_the_end(out, "a call") is not None


def test_a_record_that_changed_is_not_said_again(out: Path) -> None:
    write_manifest(out)
    say_all_is_written(working_store(out), "a call")
    path = out / RUN_FILE
    path.write_text(path.read_text().replace("0.75", "0.85"))
    for read in (lambda: written_before(out, "abc", 0, has_thresholds=False), lambda: record_of_the_end(out, "a call")):
        with pytest.raises(DamageError, match=r"run\.json is damaged: its bytes changed\n  Remove .*model and give"):
            read()
