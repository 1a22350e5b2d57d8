"""A small file that unpacks to a giant, or a line without an end, is refused before memory is taken."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from pathlib import Path

import pytest

from headstart.tables import bounded_bytes
from headstart.tables.file_options import AS_GUESSED
from headstart.tables.reading import read_table
from headstart.tables.text_lines import text_lines


def test_one_endless_cell_in_a_packed_table_is_refused_within_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_bytes, "FREE_BYTES", 1 << 20)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\n" + b"a" * (64 << 20) + b",x\n", 9))
    tracemalloc.start()
    table = read_table(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [fault.message for fault in table.faults][:1] == [
        "unpacks to more than 200 times its size; where it is to be so, unpack it and give the unpacked file"
    ]
    assert peak < 64 << 20


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_line_without_an_end_is_refused(name: str, tmp_path: Path) -> None:
    content = b"text,label\n" + bytes(range(97, 123)) * 100_000 + b",x\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with text_lines(path, AS_GUESSED, 1 << 20) as lines:
        assert list(lines) == ["text,label\n"]
        assert [fault.message for fault in lines.pop_faults()] == ["has a line of more than 1 MiB: is it a table?"]


def test_a_table_of_ordinary_lines_is_read_as_before(tmp_path: Path) -> None:
    rows = "".join(f"text {number},{number % 2}\n" for number in range(50_000))
    (tmp_path / "a.csv").write_text("text,label\n" + rows)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(("text,label\n" + rows).encode()))
    plain, packed = read_table(tmp_path / "a.csv"), read_table(tmp_path / "b.csv.gz")
    assert plain.num_rows == packed.num_rows == 50_000
    assert plain.columns == packed.columns
    assert not (*plain.faults, *packed.faults)


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
@pytest.mark.parametrize("pattern", ['{{"key {}": 1}}', '{{"text": {{"key {}": 1}}}}'])
def test_keys_that_are_values_make_no_giant_of_missing_cells(
    suffix: str, pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_bytes, "FREE_BYTES", 1 << 20)
    rows = [pattern.format(number) for number in range(20_000)]
    path = tmp_path / f"a{suffix}"
    path.write_text("\n".join(rows) if suffix == ".jsonl" else f"[{','.join(rows)}]")
    tracemalloc.start()
    messages = [fault.message for fault in read_table(path).faults]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "of these cells: are its keys values?" in messages[0]
    assert peak < 32 << 20


def test_rows_with_many_keys_of_their_own_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(f'{{"text": "a", "key {number % 300}": 1}}' for number in range(3000)))
    table = read_table(path)
    assert (table.num_rows, len(table.columns), table.faults) == (3000, 301, ())


@pytest.mark.parametrize("opening", ['{"text":', "["])
def test_deep_nesting_is_a_fault_of_its_line(opening: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n{"text": ' + opening * 100_000 + "\n" + '{"text": "b"}\n')
    table = read_table(path)
    assert list(table.columns["text"]) == ["a", "b"]
    assert [(fault.line, fault.message) for fault in table.faults] == [(2, "is nested too deeply")]


@pytest.mark.parametrize(
    "suffix", [".csv", ".csv.gz", ".jsonl", ".txt", ".parquet", ".arrow", ".xlsx", ".sav", ".unknown"]
)
def test_a_pipe_is_no_table_and_nothing_waits_for_it(suffix: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"zero{suffix}").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        (fault,) = read_table(tmp_path / f"{name}{suffix}").faults
        assert fault.message == "is no file, but a pipe or a device"
