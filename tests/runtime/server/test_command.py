"""`python -m headstart_runtime serve`: the command line without headstart."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")

from headstart_runtime.server.command import main
from headstart_runtime.server.options import meanings


def test_mistakes_are_said_in_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(tmp_path / "none")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    assert main(["serve", "a", "--max-body-bytes", "0"]) == 2
    assert "headstart_runtime: --max-body-bytes is 1 or more, got 0" in capsys.readouterr().err
    assert main(["serve", "a", "b/a"]) == 2
    assert "two models are called a" in capsys.readouterr().err


def test_help_has_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    said = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')} " in said for name in meanings())


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "headstart_runtime.server.run", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", "a"]) == 2
    assert "needs the extra 'serve': uvicorn cannot be found" in capsys.readouterr().err
