"""What stands where a file could: `~`, file:// addresses, other addresses, and formats that are not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.errors import UsageError
from headstart.tables.file_options import FileOptions
from headstart.tables.other_formats import WAYS_ON
from headstart.tables.paths import absolute, local_path
from headstart.tables.reading import SCANS, read_table
from headstart.tables.sources import name_of, tables_of


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my reviews.csv").write_text("text,label\na,b\n")
    return tmp_path


def test_home_and_file_addresses_are_paths(home: Path) -> None:
    path = home / "my reviews.csv"
    for written in ("~/my reviews.csv", path.as_uri(), f"file://localhost{path.as_uri()[7:]}", str(path)):
        assert local_path(written) == path
        assert absolute(written) == str(path)
        assert name_of(written) == "my reviews.csv"
        assert read_table(written).num_rows == 1
        assert tables_of(written, FileOptions())["train"].num_rows == 1


def test_a_file_that_is_called_so_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("~x.csv").write_text("a\n1\n")
    assert local_path("~x.csv") == Path("~x.csv")
    assert local_path("~nobody-of-this-name/x.csv") == Path("~nobody-of-this-name/x.csv")


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("https://example.org/x.csv", "Download it first"),
        ("HTTP://example.org/x.csv", "Download it first"),
        ("s3://bucket/x.parquet", "Download it first"),
        ("file://server/share/x.csv", "Download it first"),
        ("https://huggingface.co/datasets/owner/name", "hub:owner/name"),
        ("hf://datasets/owner/name/train.csv", "hub:owner/name"),
    ],
)
def test_nothing_is_downloaded_and_said_so(written: str, remedy: str) -> None:
    for call in (local_path, read_table, absolute, lambda file: tables_of(file, FileOptions())):
        with pytest.raises(UsageError, match="is an address, and nothing is downloaded") as caught:
            call(written)
        assert remedy in str(caught.value)


def test_hub_names_are_no_paths() -> None:
    assert absolute("hub:owner/name") == "hub:owner/name"


@pytest.mark.parametrize("suffix", sorted(WAYS_ON.keys() - SCANS.keys()))
def test_a_known_format_that_is_not_read_names_its_way_on(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    path.write_bytes(b"\x00")
    (fault,) = read_table(path).faults
    assert str(fault).startswith(f"{path}: {suffix} is not read; ")


def test_a_link_to_a_file_that_is_called_by_its_content_keeps_its_name(tmp_path: Path) -> None:
    """As caches, git-annex and DVC keep files."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "3f2a").write_text("text,label\na,b\n")
    (tmp_path / "train.csv").symlink_to("blobs/3f2a")
    (tmp_path / "folder").symlink_to("blobs")
    assert absolute(str(tmp_path / "train.csv")) == str(tmp_path.resolve() / "train.csv")
    assert absolute(str(tmp_path / "folder" / "3f2a")) == str(tmp_path.resolve() / "blobs" / "3f2a")
    assert read_table(absolute(str(tmp_path / "train.csv"))).num_rows == 1
