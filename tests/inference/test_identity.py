"""Rows and models are told apart by their bytes, and a change while they are read is seen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headstart.errors import DataError
from headstart.inference.identity import InputState, folder_digest, input_digest, library_versions
from headstart.manifest import write_manifest


def test_the_digest_is_of_the_bytes_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"text\n" + b"x" * 3_000_000)
    before = input_digest(str(path))
    os.utime(path, (1, 1))
    assert input_digest(str(path)) == before
    path.write_bytes(path.read_bytes()[:-1] + b"y")
    assert input_digest(str(path)) != before


def test_a_folder_is_its_names_and_bytes(tmp_path: Path) -> None:
    def digest(**files: str) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        return folder_digest(folder)

    assert digest(a="1", b="2") == digest(b="2", a="1")
    assert len({digest(a="1", b="2"), digest(a="2", b="1"), digest(a="12", b=""), digest(a="1"), digest(c="1")}) == 5


def test_a_finished_folder_is_its_checksums(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_text("1")
    unfinished = folder_digest(tmp_path)
    write_manifest(tmp_path)
    assert folder_digest(tmp_path) == unfinished
    (tmp_path / "model.safetensors").write_text("2")
    assert folder_digest(tmp_path) == unfinished, "whoever reads it is told that it is damaged"
    write_manifest(tmp_path)
    assert folder_digest(tmp_path) != unfinished
    finished = folder_digest(tmp_path)
    (tmp_path / "added_tokens.json").write_text("{}")
    assert folder_digest(tmp_path) != finished


@pytest.mark.parametrize("change", ["longer", "rewritten", "gone"])
def test_a_change_is_seen(tmp_path: Path, change: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text\na\n")
    state = InputState.of(str(path))
    state.require_unchanged()
    if change == "longer":
        with path.open("a") as file:
            file.write("b\n")
    elif change == "rewritten":
        path.write_text("text\nb\n")
        os.utime(path, ns=(0, 1))
    else:
        path.unlink()
    with pytest.raises(DataError, match=r"rows\.csv: was changed while it was read"):
        state.require_unchanged()


def test_the_versions_are_named() -> None:
    assert "torch " in library_versions()
