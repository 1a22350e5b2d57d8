"""Tables that other tools write are read back to the same rows, labels and kind, whatever the format."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas
import polars
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.data.user_rows import read_file
from headstart.tables.file_options import FileOptions

Labels = tuple[str, tuple[Any, ...]]
Write = Callable[[Path, pandas.DataFrame], None]

TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Co", "Cn", "Zl", "Zp"), include_characters="\n\t"),
    min_size=1,
    max_size=30,
).filter(lambda text: text.strip() != "" and not text.startswith("="))
"""Excel's writers make a formula of what begins with an equals sign."""
KINDS: dict[str, Sequence[Any]] = {
    "names": ("good", "bad", "so so"),
    "numbers": (1, 2, 10),
    "truths": (True, False),
    "measures": (0.5, 1.25, -3.75, 2.0),
}
CLASSES = {"names": ("bad", "good", "so so"), "numbers": ("1", "2", "10"), "truths": ("false", "true"), "measures": ()}


def with_csv(path: Path, frame: pandas.DataFrame) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(frame.columns)
        writer.writerows(frame.itertuples(index=False))


def with_openpyxl(path: Path, frame: pandas.DataFrame) -> None:
    frame.to_excel(path, index=False, engine="openpyxl")


def with_xlsxwriter(path: Path, frame: pandas.DataFrame) -> None:
    frame.to_excel(path, index=False, engine="xlsxwriter")


def with_polars(path: Path, frame: pandas.DataFrame) -> None:
    polars.DataFrame(frame.to_dict("list")).write_csv(path)


def as_records(path: Path, frame: pandas.DataFrame) -> None:
    path.write_text(json.dumps(frame.to_dict("records"), ensure_ascii=False), encoding="utf-8")


WRITERS: dict[str, tuple[str, Write]] = {
    "csv module": (".csv", with_csv),
    "pandas csv": (".csv", lambda path, frame: frame.to_csv(path, index=False)),
    "pandas csv with row numbers": (".csv", lambda path, frame: frame.to_csv(path)),
    "pandas csv with semicolons": (".csv", lambda path, frame: frame.to_csv(path, index=False, sep=";")),
    "pandas tsv": (".tsv", lambda path, frame: frame.to_csv(path, index=False, sep="\t")),
    "polars csv": (".csv", with_polars),
    "json module": (".json", as_records),
    "pandas json records": (".json", lambda path, frame: frame.to_json(path, orient="records")),
    "pandas json columns": (".json", lambda path, frame: frame.to_json(path, orient="columns")),
    "pandas json index": (".json", lambda path, frame: frame.to_json(path, orient="index")),
    "pandas json split": (".json", lambda path, frame: frame.to_json(path, orient="split")),
    "pandas json lines": (".jsonl", lambda path, frame: frame.to_json(path, orient="records", lines=True)),
    "pandas parquet": (".parquet", lambda path, frame: frame.to_parquet(path)),
    "pandas feather": (".feather", lambda path, frame: frame.to_feather(path)),
    "polars parquet": (".parquet", lambda path, frame: polars.DataFrame(frame.to_dict("list")).write_parquet(path)),
    "polars arrow": (".arrow", lambda path, frame: polars.DataFrame(frame.to_dict("list")).write_ipc(path)),
    "openpyxl": (".xlsx", with_openpyxl),
    "xlsxwriter": (".xlsx", with_xlsxwriter),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, pandas.DataFrame]:
    """Return a kind of labels and a table in which each label stands twice or more."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    labels = [label for label in KINDS[kind] for _ in range(draw(st.integers(2, 4)))]
    labels = draw(st.permutations(labels))
    texts = draw(st.lists(TEXTS, min_size=len(labels), max_size=len(labels), unique=True))
    return kind, pandas.DataFrame({"text": texts, "label": labels})


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables())
def test_a_table_is_read_back(tmp_path: Path, writer: str, table: tuple[str, pandas.DataFrame]) -> None:
    kind, frame = table
    suffix, write = WRITERS[writer]
    path = tmp_path / f"table{suffix}"
    write(path, frame)
    rows = read_file(str(path), FileOptions(text="text", label="label"))
    training = rows.splits["train"]
    assert [texts[0] for texts in training.texts] == frame["text"].tolist()
    assert str(rows.kind) == ("regression" if kind == "measures" else "classification")
    assert rows.classes == CLASSES[kind]
    written = frame["label"].tolist()
    names = (
        written if kind == "measures" else [str(value).lower() if kind == "truths" else str(value) for value in written]
    )
    assert [rows.classes[label] if rows.classes else label for label in training.labels or ()] == names
