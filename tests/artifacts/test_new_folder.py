"""A folder is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.artifacts.new_folder import new_folder
from headstart.errors import UsageError


def test_what_the_block_wrote_is_there_under_the_name(tmp_path: Path) -> None:
    with new_folder(tmp_path / "deep" / "model") as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "a.txt").write_text("a")
        assert not (tmp_path / "deep" / "model").exists()
    assert (tmp_path / "deep" / "model" / "inner" / "a.txt").read_text() == "a"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model"]


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with new_folder(tmp_path / "model") as temporary:
        (temporary / "a.txt").write_text("a")
    assert (tmp_path / "model" / "a.txt").exists()


def test_nothing_is_left_when_the_block_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "model") as temporary:
        (temporary / "a.txt").write_text((temporary / "missing.txt").read_text())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_there_is_refused_and_stays(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "model"
    kept = target if kind == "file" else target / "mine.txt"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    with pytest.raises(UsageError, match="is there already"), new_folder(target):
        pytest.fail("the block must not run")
    assert kept.read_text() == "mine"
