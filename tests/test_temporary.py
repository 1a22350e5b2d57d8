"""What a dead process left under a temporary name is recognised and removed; what a living one writes is not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headstart import temporary
from headstart.errors import UsageError
from headstart.temporary import (
    QUIET_SECONDS,
    is_abandoned,
    is_temporary,
    path_beside,
    remove_abandoned,
    temporary_folder,
    temporary_path,
)

MAKES_AND_WAITS = """
import sys
from pathlib import Path
from headstart.temporary import temporary_path
path = temporary_path(Path(sys.argv[1]) / "model")
path.mkdir()
(path / "inner").mkdir()
(path / "inner" / "weights").write_text("half")
print(path, flush=True)
sys.stdin.read()
"""


def test_what_a_process_was_writing_is_removed_once_it_is_dead(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MAKES_AND_WAITS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        path = Path(other.stdout.readline().strip())
        remove_abandoned(tmp_path)
        assert (path / "inner" / "weights").exists()
        other.kill()
        other.wait()
    (tmp_path / "mine.txt").touch()
    remove_abandoned(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_what_this_process_writes_is_its_own(tmp_path: Path) -> None:
    path = temporary_path(tmp_path / "a.parquet")
    path.touch()
    remove_abandoned(tmp_path)
    assert path.exists()
    assert is_temporary(path.name)
    assert path.suffix == ".parquet"
    assert temporary_path(tmp_path / "a.parquet") != path


def test_a_number_that_another_process_has_now_is_not_the_same_process(tmp_path: Path) -> None:
    if not os.path.isdir("/proc/self"):
        pytest.skip("the system does not tell when a process was started")
    name = temporary_path(tmp_path / "a").name
    machine, pid, _ = name.removeprefix(".tmp-").split("-")[0].split(".")
    path = tmp_path / f".tmp-{machine}.{pid}.1-00000000-a"
    path.touch()
    assert is_abandoned(path)


@pytest.mark.parametrize("name", [".tmp-00000000.1.1-00000000-model", ".headstart-export-abcdefgh"])
def test_what_an_unknown_process_writes_is_abandoned_after_a_day(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "weights").touch()
    remove_abandoned(tmp_path)
    assert folder.exists()
    long_ago = time.time() - QUIET_SECONDS - 60
    os.utime(folder, (long_ago, long_ago))
    remove_abandoned(tmp_path)
    assert folder.exists(), "a file in it was written a moment ago"
    os.utime(folder / "weights", (long_ago, long_ago))
    remove_abandoned(tmp_path)
    assert not folder.exists()


def test_names_of_others_are_left_alone(tmp_path: Path) -> None:
    long_ago = time.time() - QUIET_SECONDS - 60
    for name in (".tmp-mine", ".tmp-0123abcd-model", ".tmpfile", "model.unfinished"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (long_ago, long_ago))
    remove_abandoned(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_link_is_removed_and_what_it_leads_to_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    link = temporary_path(tmp_path / "a")
    link.symlink_to(tmp_path / "kept")
    monkeypatch.setattr(temporary, "_started", lambda pid: None)
    remove_abandoned(tmp_path)
    assert not link.is_symlink()
    assert (tmp_path / "kept" / "file").exists()


def test_a_long_name_stays_a_name_that_a_disk_takes(tmp_path: Path) -> None:
    path = temporary_path(tmp_path / ("ö" * 120 + ".csv"))
    path.touch()
    assert path.suffix == ".csv"


def test_a_temporary_folder_is_there_for_the_block(tmp_path: Path) -> None:
    with temporary_folder(tmp_path / "deep" / "model") as folder:
        (folder / "a").touch()
        assert folder.parent == tmp_path / "deep"
    assert not list((tmp_path / "deep").iterdir())


def test_a_folder_that_is_not_there_has_nothing_to_remove(tmp_path: Path) -> None:
    remove_abandoned(tmp_path / "missing")


@pytest.mark.parametrize("path", [".", "..", "/"])
def test_what_has_no_name_of_its_own_is_nothing_to_write_to(path: str) -> None:
    for make in (temporary_path, lambda path: path_beside(path, ".unfinished")):
        with pytest.raises(UsageError, match="has no name of its own"):
            make(Path(path))
    assert path_beside(Path("a/model.csv"), ".partial") == Path("a/model.csv.partial")
