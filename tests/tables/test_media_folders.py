"""Folders of images as tables: classes, splits, files without a class, and what else lies there."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.errors import UsageError
from headstart.media.modality import Modality
from headstart.tables.file_options import FileOptions
from headstart.tables.media_folders import media_tables, scan_media
from headstart.tables.sources import tables_of

IMAGES = FileOptions(modality=Modality.IMAGE)


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_each_class_has_a_folder_and_files_are_in_a_persons_order(tmp_path: Path) -> None:
    touch(tmp_path, "cat/10.jpg", "cat/2.JPG", "dog/1.png", "dog/.hidden.png", "dog/notes.txt", "README.md", "top.png")
    table = media_tables(tmp_path, Modality.IMAGE)["train"]
    assert dict(table.columns) == {"file": ("cat/2.JPG", "cat/10.jpg", "dog/1.png"), "label": ("cat", "cat", "dog")}
    assert table.dropped == {"the suffix '.txt' is none of images": 1}
    assert table.notes[-1] == f"left out: 1 image that lies in {tmp_path.name} itself, in no class"


def test_folders_called_by_splits_are_the_splits(tmp_path: Path) -> None:
    for split in ("train", "test", "val"):
        touch(tmp_path / split, "cat/1.jpg", f"dog/{split}.jpg")
    tables = tables_of(str(tmp_path), IMAGES)
    assert set(tables) == {"train", "test", "validation"}
    assert tables["validation"].path == tmp_path / "val"
    assert tables["test"].columns["file"] == ("cat/1.jpg", "dog/test.jpg")


def test_files_without_a_class_and_a_single_file_are_rows_too(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number}.wav" for number in range(5)))
    pieces = list(scan_media(tmp_path, Modality.AUDIO, 2))
    assert [piece.columns["file"] for piece in pieces] == [("0.wav", "1.wav"), ("2.wav", "3.wav"), ("4.wav",)]
    assert [piece.number(0) for piece in pieces] == [0, 2, 4]
    (single,) = scan_media(tmp_path / "3.wav", Modality.AUDIO, 2)
    assert single.columns["file"] == ("3.wav",)


def test_a_folder_without_images_says_what_they_are_known_by(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.wav", "dog/1.wav")
    (fault,) = media_tables(tmp_path, Modality.IMAGE)["train"].faults
    assert "holds no images" in fault.message
    assert ".jpg" in fault.message


@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("hub:somebody/pictures", {}),
        ("here", {"text_pair": "other"}),
        ("here", {"label_from_path": True}),
        ("here", {"choices": ("a", "b")}),
    ],
)
def test_what_images_cannot_have_is_refused(tmp_path: Path, file: str, options: dict[str, object]) -> None:
    folder = touch(tmp_path / "here", "cat/1.jpg", "dog/1.jpg")
    asked = FileOptions(modality=Modality.IMAGE, **options)  # type: ignore[arg-type]  # each of its own type
    with pytest.raises(UsageError, match=r"would have no effect|cannot be read as images"):
        tables_of(file if file.startswith("hub:") else str(folder), asked)
