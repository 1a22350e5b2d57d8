"""What is said where a command is stopped: only what is kept is gone on from."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.cli.interruption import says_what_is_kept
from headstart.errors import MachineError


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (None, "Nothing was finished yet: the same command again begins anew.\n"),
        ("a/seed-0/started.json", "Nothing was finished yet: the same command again begins anew.\n"),
        ("a/seed-0/1-adapter/stage.json", "the same command again goes on from there"),
        ("a/seed-0/1-adapter/checkpoint.json", "the same command again goes on from there"),
        ("a/seed-0/run.json", "the same command again goes on from there"),
        ("0.parquet", "the same command again goes on from there"),
    ],
)
def test_what_is_kept_is_said(file: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "kept"
    if file is not None:
        (folder / file).parent.mkdir(parents=True)
        (folder / file).touch()
    with pytest.raises(KeyboardInterrupt), says_what_is_kept(folder):
        raise KeyboardInterrupt
    assert said in capsys.readouterr().err


def test_nothing_is_said_where_nothing_is_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with says_what_is_kept(tmp_path):
        pass
    assert capsys.readouterr().err == ""


def test_what_is_kept_is_said_where_the_machine_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stage.json").touch()
    with pytest.raises(MachineError), says_what_is_kept(tmp_path):
        raise MachineError(tmp_path, "the disk is full")
    assert "goes on from there" in capsys.readouterr().err
    with pytest.raises(ValueError, match="ours"), says_what_is_kept(tmp_path):
        raise ValueError("ours")
    assert capsys.readouterr().err == ""
