"""What the verbs print, in every encoding that an output may have."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.cli.main import main
from headstart.cli.output import next_line, print_json, write_any_text
from tests.conftest import CheckpointMaker
from tests.support.runs import tiny_rows

OPTIONS = ("--strategies", "finetune,lp_ft", "--seeds", "2", "--steps", "2", "--max-length", "16", "--no-diagnostics")
Verb = Callable[..., bytes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: CheckpointMaker) -> Path:
    """Return a folder with a table whose classes ASCII lacks, and a store of a comparison on it."""
    at = tmp_path_factory.mktemp("output")
    rows = "".join(f"{text},{'né' if label else 'mañana'}\n" for text, label in tiny_rows(40))
    (at / "données.csv").write_text("text,label\n" + rows, encoding="utf-8")
    words = ("compare", "données.csv", "--model", str(tiny_checkpoint("bert")), *OPTIONS, "--store", "my runs")
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "120"}
    command = [sys.executable, "-m", "headstart", *words]
    done = subprocess.run(command, env=environment, cwd=at, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b"+-" in done.stdout
    assert rb"donn\u00e9es.csv" in done.stdout
    assert b"Next: headstart report 'my runs' --out report.html" in done.stdout
    return at


@pytest.fixture
def verb(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Verb:
    """Call a verb in that folder; returns what it writes to a standard output of some encoding."""

    def call(encoding: str, *words: str) -> bytes:
        buffer = io.BytesIO()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setattr(sys, "argv", ["headstart", *words])
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding=encoding))
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        sys.stdout.flush()
        return buffer.getvalue()

    return call


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_bar_is_drawn_where_the_encoding_has_none(encoding: str, verb: Verb) -> None:
    out = verb(encoding, "inspect", "données.csv").decode(encoding)
    assert "####" in out
    assert ("mañana" in out) == (encoding == "cp1252")
    assert (r"ma\u00f1ana" in out) == (encoding == "ascii")


def test_a_report_says_the_same_in_every_encoding(verb: Verb) -> None:
    full = json.loads(verb("utf-8", "report", "my runs", "--format", "json"))
    assert json.loads(verb("ascii", "report", "my runs", "--format", "json")) == full
    assert b"+-" in verb("ascii", "report", "my runs", "--format", "text")


@pytest.mark.parametrize("words", ["plan", "runs", "tasks", "--help", "compare --help"])
def test_every_other_verb_writes_ascii(words: str, verb: Verb) -> None:
    store = ["my runs"] if words in ("plan", "runs") else []
    assert verb("ascii", *words.split(), *store).isascii()


def test_what_an_encoding_has_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding="latin-1", newline="\n"))
    write_any_text()
    print("5 ± 1 → né \udce9 😀")
    print_json('{"a": "→ né 😀"}\n')
    sys.stdout.flush()
    lines = buffer.getvalue().decode("latin-1").splitlines()
    assert lines == ["5 ± 1 -> né \\udce9 \\ud83d\\ude00", '{"a": "\\u2192 né \\ud83d\\ude00"}']
    assert json.loads(lines[1]) == {"a": "→ né 😀"}


def test_the_next_command_can_be_pasted_into_a_shell() -> None:
    assert (
        next_line("headstart", "report", Path("my runs"), "--out", "a.html")
        == "Next: headstart report 'my runs' --out a.html"
    )


def test_an_output_that_is_closed_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    write_any_text()
    for stream in (sys.stdout, sys.stderr):
        assert (stream.name, stream.isatty()) == (os.devnull, False)
        stream.close()
