"""Small files are read whole or refused in a sentence, whatever stands in their place; nothing hangs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headstart.errors import CheckpointError, DamageError
from headstart.safe_files import read_bytes, read_json_value, read_text, require_file

DEEP = 200_000


def test_a_small_file_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"é": [1, 2.5, null]}', encoding="utf-8")
    assert read_bytes(file) == file.read_bytes()
    assert read_text(file) == '{"é": [1, 2.5, null]}'
    assert read_json_value(file) == {"é": [1, 2.5, None]}
    assert read_bytes(file, most_bytes=file.stat().st_size) == file.read_bytes()


def test_a_missing_file_is_said_as_such(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "none")


def test_what_is_no_file_is_refused_and_nothing_hangs(tmp_path: Path) -> None:
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    for path, said in ((pipe, "a pipe"), (folder, "a folder"), (Path("/dev/zero"), "a device")):
        with pytest.raises(CheckpointError, match="folder|directory" if path == folder else said):
            read_text(path)


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as handle:
        handle.truncate(1 << 40)  # A file of holes takes no disk.
    with pytest.raises(DamageError, match=r"has 1,099,511,627,776 bytes; at most 67,108,864"):
        read_bytes(file)
    with pytest.raises(DamageError, match="at most 10"):
        read_bytes(file, most_bytes=10)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"[" * DEEP + b"]" * DEEP, b""])
def test_what_is_no_json_is_damaged(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DamageError, match=r"a\.json is damaged"):
        read_json_value(tmp_path / "a.json")


def test_a_link_that_is_read_may_lead_anywhere_and_must_end_somewhere(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.write_text("mine")
    (folder / "out").symlink_to("../elsewhere")
    (folder / "round").symlink_to("round")
    assert read_text(folder / "out") == "mine"
    with pytest.raises(CheckpointError, match="round cannot be read"):
        read_text(folder / "round")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    (tmp_path / "a").chmod(0)
    with pytest.raises(CheckpointError, match=r"a cannot be read: Permission denied"):
        read_text(tmp_path / "a")


def test_what_is_no_file_is_refused_without_opening_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    require_file(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    for name, target in (("device", "/dev/zero"), ("nothing", "nowhere"), ("round", "round"), ("linked", "pipe")):
        (tmp_path / name).symlink_to(target)
    said = {"pipe": "is a pipe", "linked": "is a pipe", "device": "is a device", "round": "links", "nothing": "No such"}
    for name, words in said.items():
        with pytest.raises(DamageError, match=f"{name} is damaged: it .*{words}"):
            require_file(tmp_path / name)
