"""Rows that are files: known by what they hold, wherever they lie, and named where they are broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from headstart.data.user_rows import load_file
from headstart.errors import DataError, UsageError
from headstart.media.modality import Modality
from headstart.tables.file_options import FileOptions
from tests.support.media import make_shapes, make_tones

IMAGES, SOUNDS = FileOptions(modality=Modality.IMAGE), FileOptions(modality=Modality.AUDIO)


def test_rows_are_what_files_hold_wherever_they_lie(tmp_path: Path) -> None:
    folder = make_shapes(tmp_path / "shapes", 6)
    data = load_file(str(folder), IMAGES)
    assert data.task.modality is Modality.IMAGE
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 15, "validation": 3}
    moved = load_file(str(shutil.move(folder, tmp_path / "elsewhere")), IMAGES)
    assert moved.fingerprint == data.fingerprint
    changed = tmp_path / "elsewhere" / "circle" / "0.png"
    changed.write_bytes((tmp_path / "elsewhere" / "circle" / "1.png").read_bytes())
    assert load_file(str(tmp_path / "elsewhere"), IMAGES).fingerprint != data.fingerprint


def test_a_table_names_files_from_where_it_lies_and_has_weights_and_groups(tmp_path: Path) -> None:
    make_shapes(tmp_path / "shapes", 4)
    rows = [f"shapes/{name}/{number}.png,{name},{number}" for name in ("circle", "square") for number in range(4)]
    (tmp_path / "rows.csv").write_text("\n".join(["image,what,who", *rows]) + "\n")
    options = FileOptions(modality=Modality.IMAGE, text="image", label="what", group="who")
    data = load_file(str(tmp_path / "rows.csv"), options)
    assert data.task.labels == ("circle", "square")
    assert not set(data.training.groups or ()) & set(data.evaluation.groups or ())
    assert all(Path(file.path).is_file() for file in data.training.files or ())


def test_equal_files_stay_on_one_side_of_the_cut_and_are_counted(tmp_path: Path) -> None:
    folder = make_shapes(tmp_path / "shapes", 10)
    for number in range(10, 14):
        shutil.copy(folder / "circle" / "0.png", folder / "circle" / f"{number}.png")
    data = load_file(str(folder), IMAGES)
    sides = [{file.digest for file in split.files or ()} for split in data.splits.values()]
    assert not sides[0] & sides[1]
    assert any("rows of one text together" in note for note in data.notes)


def test_broken_files_are_named_and_counted_all_at_once(tmp_path: Path) -> None:
    folder = make_shapes(tmp_path / "shapes", 4)
    for number in range(3):
        (folder / "circle" / f"{number}.png").write_bytes(b"no image")
    (folder / "square" / "0.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        load_file(str(folder), IMAGES)
    lines = str(caught.value).splitlines()
    assert any("3 rows (1, 2, 3)" in line and "no image that can be read" in line for line in lines)
    assert "'circle/1.png'" in str(caught.value)
    assert any("row 5: is empty: 'square/0.png'" in line for line in lines)


def test_a_missing_file_of_a_table_is_named(tmp_path: Path) -> None:
    make_shapes(tmp_path / "shapes", 3)
    rows = [f"shapes/{name}/{number}.png,{name}" for name in ("circle", "square") for number in range(4)]
    (tmp_path / "rows.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    with pytest.raises(DataError, match=r"2 lines \(5, 9\): the file does not exist: 'shapes/circle/3.png'"):
        load_file(str(tmp_path / "rows.csv"), IMAGES)


def test_sounds_know_their_seconds(tmp_path: Path) -> None:
    data = load_file(str(make_tones(tmp_path / "tones", 5)), SOUNDS)
    seconds = [file.seconds for split in data.splits.values() for file in split.files or ()]
    assert len(seconds) == 10
    assert 0.2 <= min(seconds) < max(seconds) <= 0.5


def test_two_columns_that_look_like_a_pair_are_no_row_of_files(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("sentence1,sentence2,label\na.png,b.png,x\nc.png,d.png,y\n")
    with pytest.raises(UsageError, match="a row is one image, and the columns look like a pair"):
        load_file(str(tmp_path / "rows.csv"), IMAGES)
