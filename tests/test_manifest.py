"""Every change of a finished folder is found and named by its file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xxhash

from headstart.errors import DamageError
from headstart.manifest import (
    MANIFEST_FILE,
    Manifest,
    bytes_checksum,
    check_manifest,
    file_checksum,
    require_whole,
    write_manifest,
)

FILES = {"head.safetensors": b"\x00\x01\x02" * 700_000, "a/b/labels.json": "ä".encode(), "empty": b""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    for name, content in FILES.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    (made / ".lock").touch()
    (made / ".tmp-1234-x").mkdir()
    (made / ".tmp-1234-x" / "y").touch()
    write_manifest(made)
    return made


def test_a_checksum_is_xxh3_of_the_bytes(folder: Path) -> None:
    for name, content in FILES.items():
        assert file_checksum(folder / name) == bytes_checksum(content) == xxhash.xxh3_128(content).hexdigest()


def test_a_manifest_has_every_file_but_itself_and_hidden_ones(folder: Path) -> None:
    found = Manifest.read(folder)
    assert found is not None
    assert {name: mark.size for name, mark in found.files.items()} == {name: len(FILES[name]) for name in FILES}
    assert found.num_bytes == sum(map(len, FILES.values()))
    assert found == Manifest.of(folder)
    write_manifest(folder)
    assert found == Manifest.read(folder)


def test_an_untouched_folder_is_whole_and_tells_its_bytes(folder: Path) -> None:
    seen: list[int] = []
    assert check_manifest(folder, listener=seen.append) == []
    assert sum(seen) == sum(map(len, FILES.values()))
    require_whole(folder)


@pytest.mark.parametrize("name", [name for name in FILES if FILES[name]])
def test_any_flipped_bit_is_named_with_its_file(folder: Path, name: str) -> None:
    random = np.random.default_rng(0)
    for _ in range(10):
        content = bytearray(FILES[name])
        content[random.integers(len(content))] ^= 1 << int(random.integers(8))
        (folder / name).write_bytes(content)
        (found,) = check_manifest(folder)
        assert (found.file, found.what) == (folder / name, "its bytes changed")


def test_any_flipped_bit_of_the_manifest_is_named_with_the_manifest(folder: Path) -> None:
    written = (folder / MANIFEST_FILE).read_bytes()
    for at in range(len(written)):
        content = bytearray(written)
        content[at] ^= 1 << (at % 8)
        (folder / MANIFEST_FILE).write_bytes(content)
        try:
            is_same = json.loads(content.decode()) == json.loads(written.decode())
        except ValueError:
            is_same = False
        assert is_same or [each.file for each in check_manifest(folder)] == [folder / MANIFEST_FILE]


def _make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _make_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link_to(target: str) -> Callable[[Path], None]:
    def link(path: Path) -> None:
        path.unlink()
        path.symlink_to(target)

    return link


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Path.unlink, "it is missing"),
        (lambda path: path.write_bytes(b""), "0 bytes instead of 2100000"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "2099999 bytes instead of 2100000"),
        (_make_folder, "it is no file any more"),
        (_make_fifo, "it is no file any more"),
        (_link_to("/dev/zero"), "it is no file any more"),
        (_link_to("head.safetensors"), "it cannot be read: Too many levels of symbolic links"),
    ],
)
def test_what_a_file_became_is_said(folder: Path, change: Callable[[Path], None], said: str) -> None:
    change(folder / "head.safetensors")
    (found,) = check_manifest(folder)
    assert (found.file, found.what) == (folder / "head.safetensors", said)


@pytest.mark.parametrize("change", [_make_folder, _make_fifo, _link_to("/dev/zero"), _link_to(MANIFEST_FILE)])
def test_a_manifest_that_became_something_else_is_damage(folder: Path, change: Callable[[Path], None]) -> None:
    change(folder / MANIFEST_FILE)
    assert [each.file for each in check_manifest(folder)] == [folder / MANIFEST_FILE]


def test_a_folder_without_a_manifest_has_nothing_to_be_held_to(folder: Path) -> None:
    (folder / MANIFEST_FILE).unlink()
    assert Manifest.read(folder) is None
    assert check_manifest(folder) == []
    require_whole(folder)


def test_a_link_to_the_same_bytes_is_the_same_file(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "head.safetensors", tmp_path / "elsewhere")
    (folder / "head.safetensors").symlink_to(tmp_path / "elsewhere")
    assert check_manifest(folder) == []


def test_only_the_named_files_are_looked_at(folder: Path) -> None:
    (folder / "head.safetensors").write_bytes(b"")
    assert check_manifest(folder, ["empty", "a/b/labels.json", "never.was"]) == []
    (folder / "came.later").touch()
    assert [str(each) for each in check_manifest(folder, ["came.later"])] == [
        f"{folder / 'came.later'}: it was not there when the folder was finished"
    ]


def test_a_damaged_folder_is_refused_with_every_file_and_the_way_on(folder: Path) -> None:
    (folder / "empty").unlink()
    (folder / "a/b/labels.json").write_text("xy")
    with pytest.raises(DamageError) as caught:
        require_whole(folder, remedy="  Copy it again.")
    assert str(caught.value).splitlines() == [
        f"{folder / 'a/b/labels.json'} is damaged: its bytes changed",
        f"{folder / 'empty'}: it is missing",
        "  Copy it again.",
    ]


@pytest.mark.parametrize("name", ["../x", "/etc/hostname", "a/../../x", "a\\..\\x"])
def test_a_manifest_names_nothing_outside_its_folder(folder: Path, name: str) -> None:
    foreign = Manifest({**Manifest.of(folder).files, name: next(iter(Manifest.of(folder).files.values()))})
    foreign.write(folder)
    (found,) = check_manifest(folder)
    assert found.file == folder / MANIFEST_FILE
    assert "not in its folder" in found.what


@pytest.mark.parametrize("content", [b"[" * 100_000, b"{}", b"null", b'{"kind": "x"}', b"\xff", b"\x00" * 9])
def test_something_else_under_its_name_is_damage(folder: Path, content: bytes) -> None:
    (folder / MANIFEST_FILE).write_bytes(content)
    assert [each.file for each in check_manifest(folder)] == [folder / MANIFEST_FILE]


def test_files_that_were_left_behind_are_dropped_from_a_copy(folder: Path) -> None:
    written = Manifest.of(folder)
    (folder / "empty").unlink()
    written.present(folder).write(folder)
    assert check_manifest(folder) == []
    assert Manifest.read(folder) == Manifest.of(folder)


@pytest.mark.parametrize("size", ["Infinity", "NaN", "1e999", "null", '"many"', "[]"])
def test_a_size_that_is_no_number_is_damage(folder: Path, size: str) -> None:
    path = folder / MANIFEST_FILE
    path.write_text(path.read_text().replace("2100000", size))
    assert [each.file for each in check_manifest(folder)] == [path]
