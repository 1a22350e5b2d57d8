"""A machine that fails under a verb: one sentence with the path, exit code 1, nothing half written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from headstart import atomic_files
from tests.cli.conftest import Cli
from tests.support.stores import make_record, write_store


def _fails(number: int) -> object:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "the disk is read-only"), (errno.EFBIG, "ulimit -f")],
)
@pytest.mark.parametrize("out", ["out.html", "out.csv"])
def test_a_report_that_cannot_be_written(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str, out: str
) -> None:
    write_store(tmp_path / "runs", [make_record()])
    monkeypatch.setattr(atomic_files.os, "fsync", _fails(number))
    code, _, err = cli("report", "runs", "--out", out)
    assert code == 1
    assert f"headstart: cannot write {out}: " in err
    assert said in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


def test_gc_lists_and_removes_on_request(cli: Cli, tmp_path: Path) -> None:
    store = write_store(tmp_path / "runs", [make_record()])
    (checkpoint,) = [path / "1-finetune" / "checkpoint-2" for path in store.glob("*/seed-0")]
    checkpoint.mkdir(parents=True)
    (checkpoint / "optimizer.pt").write_text("state")
    code, out, _ = cli("gc", "runs")
    assert code == 0
    assert "a checkpoint of a finished run" in out
    assert "To remove them: headstart gc runs --delete" in out
    assert checkpoint.exists()
    assert "1 item removed from runs" in cli("gc", "runs", "--delete")[1]
    assert not (checkpoint / "optimizer.pt").exists()
    assert "0 items unused in runs" in cli("gc", "runs")[1]


def test_a_name_that_is_no_text_ends_in_a_sentence_or_is_written_as_it_is(cli: Cli, tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff.csv")
    for name in (odd, "rows.csv"):
        (tmp_path / name).write_text("text,label\n" + "".join(f"a film {row},{row % 2}\n" for row in range(40)))
    code, _, err = cli("inspect", odd, "--out", "page.html")
    assert code == 2
    assert "headstart: the name of a file or folder holds bytes that are no text in UTF-8: " in err
    assert r"\udcff.csv" in err
    assert not (tmp_path / "page.html").exists()
    assert cli("inspect", "rows.csv", "--out", os.fsdecode(b"\xfe.html"))[0] == 0
    assert sorted(os.listdir(os.fsencode(tmp_path))) == [b"rows.csv", b"\xfe.html", b"\xff.csv"]
