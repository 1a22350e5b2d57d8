"""Finished pieces outlive a call, belong to one key, and are one process's at a time."""

from __future__ import annotations

import dataclasses
import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from headstart.errors import MachineError, UsageError
from headstart.inference.partial_answers import KEY_FILE, WORDS, AnswerKey, Piece, partial_folder

KEY = AnswerKey(
    input="1",
    model="2",
    columns="text",
    batch_size=32,
    precision="fp32",
    device="cpu",
    chunk_rows=10,
    versions="torch 2",
)
PIECE = Piece(columns=pa.table({"predicted_label": ["a", "b"], "probability_a": [0.75, 0.25]}), num_truncated=1)


def break_off(out: Path, key: AnswerKey = KEY) -> None:
    """Finish piece 3 and stop."""
    with suppress(KeyboardInterrupt), partial_folder(out, key) as partial:
        partial.write(3, PIECE)
        raise KeyboardInterrupt


def test_pieces_come_back_in_the_next_call_and_go_with_its_end(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    break_off(out)
    with partial_folder(out, KEY) as partial:
        found = partial.read(3, 2)
        assert found is not None
        assert found.columns.equals(PIECE.columns)
        assert found.num_truncated == 1
        assert partial.read(2, 2) is None
        assert partial.read(3, 1) is None, "another number of rows"
    assert list(tmp_path.iterdir()) == []


def test_a_call_that_finished_nothing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), partial_folder(tmp_path / "out.csv", KEY):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"PAR1", None])
def test_a_damaged_piece_does_not_count(tmp_path: Path, damage: bytes | None) -> None:
    break_off(tmp_path / "out.csv")
    (piece,) = tmp_path.glob("*/answers-*")
    piece.write_bytes(piece.read_bytes()[:-20] if damage is None else damage)
    with partial_folder(tmp_path / "out.csv", KEY) as partial:
        assert partial.read(3, 2) is None


def test_any_flipped_bit_of_a_piece_is_noticed(tmp_path: Path) -> None:
    break_off(tmp_path / "out.csv")
    (piece,) = tmp_path.glob("*/answers-*")
    written = piece.read_bytes()
    with suppress(KeyboardInterrupt), partial_folder(tmp_path / "out.csv", KEY) as partial:
        for at in range(len(written)):
            content = bytearray(written)
            content[at] ^= 1 << (at % 8)
            piece.write_bytes(content)
            assert partial.read(3, 2) is None
        partial.write(3, PIECE)
        assert partial.read(3, 2) is not None
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.glob("*/answers-*")] == [piece.name]
    assert piece.read_bytes() == written


def test_a_piece_that_became_something_else_is_replaced(tmp_path: Path) -> None:
    break_off(tmp_path / "out.csv")
    (piece,) = tmp_path.glob("*/answers-*")
    for make in (os.mkdir, os.mkfifo, lambda path: os.symlink(path, path)):
        piece.unlink()
        make(piece)
        with suppress(KeyboardInterrupt), partial_folder(tmp_path / "out.csv", KEY) as partial:
            assert partial.read(3, 2) is None
            partial.write(3, PIECE)
            assert partial.read(3, 2) is not None
            raise KeyboardInterrupt


def test_a_key_whose_bits_changed_is_thrown_away_with_its_pieces(tmp_path: Path) -> None:
    break_off(tmp_path / "out.csv")
    path = tmp_path / "out.csv.partial" / KEY_FILE
    path.write_text(path.read_text().replace('"chunk_rows": 10', '"chunk_rows": 11'))
    with partial_folder(tmp_path / "out.csv", KEY) as partial:
        assert partial.read(3, 2) is None


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(AnswerKey)])
def test_another_job_is_refused_and_what_changed_is_said(tmp_path: Path, field: str) -> None:
    out = tmp_path / "out.csv"
    break_off(out)
    value = getattr(KEY, field)
    other = dataclasses.replace(KEY, **{field: value + 1 if isinstance(value, int) else value + "x"})
    with pytest.raises(UsageError, match=rf"since then changed: {WORDS[field]}\n.*remove .*out\.csv\.partial"):
        partial_folder(out, other).__enter__()
    with partial_folder(out, KEY) as partial:
        assert partial.read(3, 2) is not None, "refused, not thrown away"


def test_pieces_of_nobody_knows_what_are_thrown_away(tmp_path: Path) -> None:
    break_off(tmp_path / "out.csv")
    (tmp_path / "out.csv.partial" / KEY_FILE).write_text("{")
    with partial_folder(tmp_path / "out.csv", KEY) as partial:
        assert partial.read(3, 2) is None


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with partial_folder(out, KEY) as partial:
        partial.write(0, PIECE)
        with pytest.raises(UsageError, match="another process"):
            partial_folder(out, KEY).__enter__()
        assert partial.read(0, 2) is not None, "the refused call left the other's pieces"


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match=r"cannot write .*out\.csv: a part of its path is a file"):
        partial_folder(tmp_path / "file" / "out.csv", KEY).__enter__()


def test_rows_without_any_label_are_counted() -> None:
    labels = pa.array([["a"], [], ["a", "b"], []], pa.list_(pa.string()))
    columns = pa.table({"predicted_labels": labels, "probability_a": [0.9, 0.1, 0.5, 0.2]})
    assert Piece(columns=columns, num_truncated=0).num_without_label == 2
    assert Piece(columns=columns.drop_columns("predicted_labels"), num_truncated=0).num_without_label == 0
