"""CSV that people open in a spreadsheet holds no formula where they ask for it, and comes back as it was where not."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.artifacts.model_folder import save_model_folder
from headstart.inference import user_files
from headstart.reports.fit.suspects import write_suspects
from tests.cli.conftest import Cli
from tests.support.fit_facts import make_facts, rows_of
from tests.support.saved import TEXT_TASK, make_example
from tests.support.stores import make_record, write_store
from tests.support.tiny import make_checkpoint

LABELS = ("=HYPERLINK(1)", "fair", "-1.5")
HEADINGS = ["@id", "text", "+delta"]
ROWS = [["=1+1", "-a good film", "-1.5"], ["7", "\tplain, with a comma", "+2-1"], ["'8", 'a "bad" film', ""]]
SAFE_ROWS = [["'=1+1", "'-a good film", "-1.5"], ["7", "'\tplain, with a comma", "'+2-1"], ["'8", 'a "bad" film', ""]]
"""The same rows, as a person who knows what a spreadsheet computes writes them."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spreadsheets")
    example = make_example(make_checkpoint(folder / "source", "bert"), task=replace(TEXT_TASK, labels=LABELS))
    save_model_folder(example.classifier, example.tokenizer, folder / "model", info=example.info)
    return folder / "model"


@pytest.fixture
def given(tmp_path: Path) -> Path:
    with (tmp_path / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADINGS, *ROWS])
    return tmp_path / "in.csv"


def cells(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


@pytest.mark.parametrize(("name", "delimiter"), [("out.csv", ","), ("out.tsv", "\t")])
def test_predict(cli: Cli, model: Path, given: Path, tmp_path: Path, name: str, delimiter: str) -> None:
    call = ("predict", model, given, "--out")
    assert cli(*call, f"plain-{name}")[0] == 0
    code, _, err = cli(*call, name, "--spreadsheet-safe", "--prefix", "=")
    assert code == 0, err
    plain, safe = (cells((tmp_path / each).read_bytes().decode(), delimiter) for each in (f"plain-{name}", name))
    assert [row[:3] for row in plain] == [HEADINGS, *ROWS]
    assert plain[0][3:] == ["predicted_label", *(f"probability_{label}" for label in LABELS)]
    assert [row[:3] for row in safe] == [["'@id", "text", "'+delta"], *SAFE_ROWS]
    assert safe[0][3:] == [f"'={name}" for name in plain[0][3:]]
    assert [row[3] for row in safe[1:]] == [row[3].replace("=", "'=") for row in plain[1:]]
    assert [row[4:] for row in safe[1:]] == [row[4:] for row in plain[1:]]


def test_a_prediction_that_was_cut_off_is_written_in_one_way(
    cli: Cli, model: Path, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    for first, second in (([], ["--spreadsheet-safe"]), (["--spreadsheet-safe"], [])):
        with monkeypatch.context() as patched:
            patched.setattr(user_files, "table_writer", stop)
            cli("predict", model, given, "--out", "out.csv", *first)
        assert (tmp_path / "out.csv.partial").is_dir()
        assert "3 of them from a call that was stopped" in cli("predict", model, given, "--out", "out.csv", *second)[1]
        cli("predict", model, given, "--out", "whole.csv", *second)
        assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
        (tmp_path / "out.csv").unlink()
        (tmp_path / "whole.csv").unlink()


def test_report(cli: Cli, tmp_path: Path) -> None:
    runs = [("finetune", seed, 0.7) for seed in range(3)] + [("lp_ft", seed, 0.6) for seed in range(3)]
    records = [replace(make_record(*run), task="=cmd()") for run in runs]
    store = write_store(tmp_path / "runs", records)
    plain, safe = (cells(cli("report", store, "--format", "csv", *more)[1]) for more in ([], ["--spreadsheet-safe"]))
    assert [row[0] for row in plain] == ["task", "=cmd()", "=cmd()"]
    assert [row[0] for row in safe] == ["task", "'=cmd()", "'=cmd()"]
    assert [row[1:] for row in safe] == [row[1:] for row in plain]
    assert float(dict(zip(safe[0], safe[2], strict=True))["difference_mean"]) == pytest.approx(-0.1)


def test_suspects(tmp_path: Path) -> None:
    rows = replace(rows_of("classification", 120, wrong=4), texts=[("=1+1", "-1")] * 120)
    facts = make_facts(out_of_fold=rows, text_columns=("@first", "second"))
    write_suspects(facts, tmp_path / "plain.csv")
    write_suspects(facts, tmp_path / "safe.csv", spreadsheet_safe=True)
    plain, safe = (cells((tmp_path / name).read_text()) for name in ("plain.csv", "safe.csv"))
    assert (plain[0][1], plain[1][1:3]) == ("@first", ["=1+1", "-1"])
    assert (safe[0][1], safe[1][1:3]) == ("'@first", ["'=1+1", "-1"])
    assert [row[3:] for row in safe] == [row[3:] for row in plain]


def test_where_it_has_no_effect_it_is_refused(cli: Cli, model: Path, given: Path, tmp_path: Path) -> None:
    store = write_store(tmp_path / "runs", [make_record()])
    calls = {
        "on out.parquet": ("predict", model, given, "--out", "out.parquet"),
        "on out.jsonl": ("predict", model, given, "--out", "out.jsonl"),
        "a report as html": ("report", store),
        "a report as json": ("report", store, "--format", "json"),
        "--suspects": ("fit", given, "--label", "+delta"),
    }
    before = sorted(tmp_path.iterdir())
    for words, call in calls.items():
        code, out, err = cli(*call, "--spreadsheet-safe")
        assert (code, out) == (2, ""), call
        assert "--spreadsheet-safe would have no effect" in err
        assert words in err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("verb", ["predict", "report", "fit"])
def test_the_help_says_what_it_costs(cli: Cli, verb: str) -> None:
    _, out, _ = cli(verb, "--help-all") if verb != "report" else cli(verb, "--help")
    words = " ".join(out.replace("│", " ").split())
    assert "--spreadsheet-safe" in words
    assert "no longer has the texts exactly as they were" in words
