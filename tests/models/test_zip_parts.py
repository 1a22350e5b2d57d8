from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from headstart.errors import CheckpointError, UsageError
from headstart.models import zip_parts
from headstart.models.zip_parts import ZipParts, unpacked

FILES = {"config.json": b"{}", "1_Pooling/config.json": b'{"mean": true}', "model.safetensors": bytes(range(256)) * 40}
PARTS = ZipParts(
    files=tuple(
        (f"toy-part-{number}", f"toy-part_{number}/input/toy.zip.{number}") for number in ("001", "002", "003")
    ),
    folder="toy",
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three installed packages with a third of a zip file each; importing one would fail."""
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        for name, content in FILES.items():
            archive.writestr(f"toy/{name}", content)
        archive.writestr("toy/run_me.py", "raise SystemExit")
        archive.writestr("../outside.txt", "no")
    whole = (tmp_path / "whole.zip").read_bytes()
    size = -(-len(whole) // 3)
    folder = tmp_path / "site"
    for number, (package, file) in enumerate(PARTS.files):
        part = folder / file
        part.parent.mkdir(parents=True)
        part.write_bytes(whole[number * size : (number + 1) * size])
        (folder / file.partition("/")[0] / "__init__.py").write_text("raise SystemExit")
        metadata = folder / f"{package.replace('-', '_')}-0.0.1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.0.1\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_parts_become_the_wanted_files_and_nothing_else(site: Path, tmp_path: Path) -> None:
    folder = unpacked(PARTS, "toy-1", tuple(FILES))
    assert folder == tmp_path / "cache" / "models" / "toy-1"
    assert contents(folder) == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["toy-1"]
    assert not (tmp_path / "outside.txt").exists()


def test_a_second_call_needs_the_packages_no_more(site: Path) -> None:
    first = unpacked(PARTS, "toy-1", tuple(FILES))
    assert first is not None
    before = (first / "config.json").stat().st_mtime_ns
    (site / PARTS.files[1][1]).unlink()
    assert unpacked(PARTS, "toy-1", tuple(FILES)) == first
    assert (first / "config.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("missing", ["METADATA", "part"])
def test_without_one_package_there_is_no_folder(missing: str, site: Path) -> None:
    package, file = PARTS.files[2]
    path = site / file if missing == "part" else site / f"{package.replace('-', '_')}-0.0.1.dist-info" / "METADATA"
    path.unlink()
    if missing == "METADATA":
        path.parent.rmdir()
    assert unpacked(PARTS, "toy-1", tuple(FILES)) is None


@pytest.mark.parametrize("damage", ["a part in a part's place", "a file that is not there"])
def test_damaged_parts_leave_nothing(damage: str, site: Path, tmp_path: Path) -> None:
    wanted = tuple(FILES)
    if damage == "a file that is not there":
        wanted = (*wanted, "vocab.txt")
    else:
        (site / PARTS.files[2][1]).write_bytes((site / PARTS.files[0][1]).read_bytes())
    with pytest.raises(CheckpointError, match=r"toy\.zip are damaged"):
        unpacked(PARTS, "toy-1", wanted)
    assert list((tmp_path / "cache" / "models").iterdir()) == []


def test_a_cache_that_cannot_be_written_stops_nothing(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "file"))
    folder = unpacked(PARTS, "toy-1", tuple(FILES))
    assert folder is not None
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == set(FILES)
    assert unpacked(PARTS, "toy-1", tuple(FILES)) == folder, "once for each process"


def test_where_nothing_can_be_written_the_way_on_is_said(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(zip_parts, "_folder_for_now", lambda: tmp_path / "file")
    with pytest.raises(UsageError, match="HEADSTART_CACHE"):
        unpacked(PARTS, "toy-1", tuple(FILES))


def test_another_process_that_was_faster_wins(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    replace = os.replace

    def late(source: Path, target: Path) -> None:
        (target / "sub").mkdir(parents=True)
        replace(source, target)

    monkeypatch.setattr("headstart.models.zip_parts.os.replace", late)
    folder = unpacked(PARTS, "toy-1", tuple(FILES))
    assert folder is not None
    assert [path.name for path in folder.iterdir()] == ["sub"]
