"""`headstart report` in every format."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.reports.fit.facts import RaceFacts, Tried
from headstart.search.asked import Asked
from headstart.search.outcome import write_outcome
from headstart.store.local import LocalStore
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


TRIED = Tried(
    name="fitted head", trained_by="linear_probe:fit", score=0.75, num_folds=2, num_rows=26,
    num_updates=0, seconds=1.5,
)  # fmt: skip
RACE = RaceFacts(
    task="rows.csv",
    model="tiny",
    metric="accuracy",
    tried=(
        TRIED,
        Tried(
            name="=head start", trained_by="eh_ft, head a|b_c", score=0.8125, num_folds=3, num_rows=39,
            num_updates=1234, seconds=8.0, is_chosen=True,
        ),
        Tried(
            name="fine-tuning", trained_by="finetune", score=None, num_folds=1, num_rows=13,
            num_updates=40, seconds=3.0, note="the disk is full",
        ),
    ),
    reason="taken: =head start; none scored higher on the folds that the last candidates share",
    out_of_time="no time for: LoRA alone",
)  # fmt: skip
OF_A_COMPARISON = ("Nothing was chosen", "undertrained", "no fine-tuning run", "over 1 seed", "\N{PLUS-MINUS SIGN}")


@pytest.fixture
def race(tmp_path: Path) -> Path:
    root = tmp_path / "race"
    LocalStore(root).mark()
    Asked(rows="r", model="m", options={}).write(root)
    write_outcome(root, RACE)
    return root


def test_a_candidate_that_failed_comes_after_one_that_is_worse_than_nothing():
    failed, poor = replace(TRIED, name="failed", score=None), replace(TRIED, name="poor", score=-0.1)
    race = replace(RACE, metric="pearson", tried=(failed, poor, TRIED))
    assert [each.name for each in race.by_rank] == ["fitted head", "poor", "failed"]


@pytest.mark.parametrize("format_", MARKS)
def test_the_store_of_a_search_is_reported_as_its_race(cli: Cli, race: Path, tmp_path: Path, format_: str):
    out = tmp_path / f"report.{SUFFIXES[format_]}"
    code, said, err = cli("report", race, "--out", out)
    assert (code, said) == (0, f"report: {out}\n"), err
    text = " ".join(out.read_text().split())
    for part in ("head start", "fitted head", "fine-tuning", "the disk is full"):
        assert part in text
    for part in OF_A_COMPARISON:
        assert part not in text
    if format_ != "csv":
        assert "aken: =head start; none scored higher" in text
        assert "no estimate of how good it is" in text
        assert "o time for: LoRA alone" in text
    if format_ not in ("csv", "json"):
        order = [text.rindex(score) for score in ("81.25", "75.00", "the disk is full")]
        assert order == sorted(order), "those that got furthest first"
        assert "1,234" in text


def test_the_race_for_programs_is_unrounded(cli: Cli, race: Path):
    rows = list(csv.DictReader(io.StringIO(cli("report", race, "--format", "csv")[1])))
    assert [row["score"] for row in rows] == ["0.8125", "0.75", ""]
    assert [row["is_taken"] for row in rows] == ["True", "False", "False"]
    assert rows[0]["candidate"] == "=head start"
    safe = cli("report", race, "--format", "csv", "--spreadsheet-safe")[1]
    assert next(csv.DictReader(io.StringIO(safe)))["candidate"] == "'=head start"
    values = json.loads(cli("report", race, "--format", "json")[1])
    assert [each["num_folds"] for each in values["tried"]] == [3, 2, 1]
    assert values["tried"][2]["score"] is None


def test_a_race_in_which_nothing_could_be_tried_has_no_scores(cli: Cli, race: Path):
    untried = replace(TRIED, score=None, num_folds=0, num_rows=0, is_chosen=True)
    write_outcome(race, replace(RACE, tried=(untried,), out_of_time=""))
    for format_ in ("text", "md", "html"):
        cli("report", race, "--format", format_, "--out", "said")
        said = Path("said").read_text()
        assert "fitted head" in said
        assert "estimate" not in said
        assert ("untried" in said) == (format_ == "text")


@pytest.mark.parametrize("option", [["--match-compute"], ["--group-by", "lang"], ["--figures", "figures"]])
def test_what_is_for_comparisons_is_refused_for_a_race(cli: Cli, race: Path, option: list[str]):
    code, _, err = cli("report", race, *option)
    assert code == 2
    assert f"{option[0]} would have no effect" in err


def test_a_race_that_is_not_over_is_refused_with_the_way_on(cli: Cli, race: Path):
    for name in ("outcome.json", "checksums.json"):
        (race / name).unlink()
    code, _, err = cli("report", race)
    assert code == 2
    assert "it is not over, or an older headstart ran it" in err
    assert "MODEL.report.html" in err
