"""What readers recognise, leave out and declare reaches the user, by whatever format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.data import user_rows
from headstart.data.user_rows import read_file
from headstart.errors import DataError
from headstart.tables.file_options import FileOptions
from headstart.tables.table import Table

SIZES = ("small", "large", "medium", "small", "large", "medium")


def table(path: str = "t.csv", **values: object) -> Table:
    columns = {"text": [f"row {row}" for row in range(6)], "label": list(SIZES)}
    return replace(Table(path=Path(path), columns=columns), **values)  # type: ignore[arg-type]


def read(monkeypatch: pytest.MonkeyPatch, tables: Mapping[str, Table]) -> user_rows.UncutRows:
    monkeypatch.setattr(user_rows, "tables_of", lambda file, options: dict(tables))
    return read_file("t.csv", FileOptions(text="text", label="label"))


def test_what_was_recognised_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one = table(notes=("semicolons stand between the cells",))
    uncut = read(monkeypatch, {"train": one, "validation": one.take([0, 1, 2])})
    assert uncut.notes == ("semicolons stand between the cells",)


def test_rows_that_are_left_out_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    uncut = read(monkeypatch, {"train": table(dropped={"answer is 'ignore'": 12, "answer is 'reject'": 1, "none": 0})})
    assert uncut.notes == (
        "12 rows were left out: answer is 'ignore'",
        "1 row was left out: answer is 'reject'",
    )


def test_classes_follow_the_declared_order_and_then_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, {"train": table()}).classes == ("large", "medium", "small")
    declared = {"label": ("small", "none", "medium")}
    assert read(monkeypatch, {"train": table(declared=declared)}).classes == ("small", "medium", "large")


def test_columns_of_0_and_1_are_offered_together(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,food,price\na,0,1\nb,1,0\nc,1,1\nd,0,0\n")
    with pytest.raises(DataError, match="`label` food,price"):
        read_file(str(path))
    assert read_file(str(path), FileOptions(label="food,price")).classes == ("food", "price")
