"""`headstart report` in every format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.stores import make_record, write_store

MARKS = {
    "html": "<!doctype html>",
    "md": "| task | strategy |",
    "latex": r"\begin{tabular}",
    "csv": "task,model,label",
    "json": '"schema_version"',
    "text": "strategy",
}
SUFFIXES = {"html": "html", "md": "md", "latex": "tex", "csv": "csv", "json": "json", "text": "txt"}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write_store(tmp_path / "runs", [make_record(), make_record("lp_ft", score=0.8)])


@pytest.mark.parametrize("format_", MARKS)
def test_a_suffix_says_the_format_and_the_bytes_are_the_same(cli: Cli, store: Path, tmp_path: Path, format_: str):
    out = tmp_path / f"report.{SUFFIXES[format_]}"
    code, said, err = cli("report", store, "--out", out)
    assert code == 0, err
    assert said == f"report: {out}\n"
    first = out.read_bytes()
    assert MARKS[format_].encode() in first
    assert cli("report", store, "--out", tmp_path / "other", "--format", format_)[0] == 0
    assert (tmp_path / "other").read_bytes() == first


@pytest.mark.parametrize("format_", [name for name in MARKS if name != "html"])
def test_without_out_it_is_printed(cli: Cli, store: Path, tmp_path: Path, format_: str):
    code, out, err = cli("report", store, "--format", format_)
    assert code == 0, err
    assert MARKS[format_] in out
    assert "report:" not in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


def test_json_is_for_programs(cli: Cli, store: Path):
    _, out, _ = cli("report", store, "--format", "json")
    values = json.loads(out)
    assert [row["label"] for row in values["groups"][0]["rows"]] == ["finetune", "lp_ft"]


def test_without_anything_it_is_the_page(cli: Cli, store: Path, tmp_path: Path):
    assert cli("report", store)[0] == 0
    assert (tmp_path / "report.html").is_file()


def test_a_suffix_without_a_format_is_refused(cli: Cli, store: Path):
    code, _, err = cli("report", store, "--out", "report.docx")
    assert code == 2
    assert "report.docx does not say what to write" in err
    assert ".tex" in err


@pytest.mark.parametrize("format_", MARKS)
def test_a_store_without_runs_is_refused(cli: Cli, tmp_path: Path, format_: str):
    (tmp_path / "empty").mkdir()
    code, _, err = cli("report", "empty", "--format", format_)
    assert code == 2
    assert "holds no run to report" in err
