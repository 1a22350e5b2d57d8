"""Classes with names that files, terminals and pages read as something else keep their names through every output."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as parquet
import pytest

import headstart as hs
import headstart_runtime
from tests.faults.conftest import SHORT, Made
from tests.support.commands import call
from tests.support.runs import tiny_rows

LABELS = (
    "=1+1",
    "a,b",
    "a|b",
    'say "so"',
    "it's",
    "<script>owned()</script>",
    "&amp;",
    "tab\tinside",
    "two\nlines",
    "\x1b[31mred",
    "Größe",
    "\u202eright to left",
    "-",
    "#N/A",
    "1e5",
    "$x^2$",
    "[link](javascript:owned())",
    "%s {0} \\n",
    "l" * 300,
)


@pytest.fixture(scope="module")
def folder(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a table of these classes and a model of it."""
    folder = tmp_path_factory.mktemp("labels")
    rows = [(text, LABELS[number % len(LABELS)]) for number, (text, _) in enumerate(tiny_rows(8 * len(LABELS)))]
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(folder / "table.csv", index=False)
    options = ("--strategy", "finetune", "--kind", "classification", *SHORT)
    outcome = call(("fit", "table.csv", "--model", made.base, "--out", "m", *options), folder)
    assert outcome.code == 0, outcome.said
    return folder


@pytest.mark.faults
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_answers_can_be_read_back_as_labels(suffix: str, folder: Path) -> None:
    out = folder / f"answers{suffix}"
    outcome = call(("predict", "m", "table.csv", "--out", out, "-q"), folder)
    assert outcome.code == 0, outcome.said
    answers = {
        ".csv": pd.read_csv,
        ".tsv": lambda path: pd.read_csv(path, sep="\t"),
        ".jsonl": lambda path: pd.read_json(path, lines=True, dtype=False),
        ".parquet": lambda path: parquet.read_table(path).to_pandas(),
    }[suffix](out)
    model = hs.load(folder / "m")
    assert sorted(model.info.task.labels) == sorted(LABELS)
    expected = list(model.predict(list(answers["text"])).predicted_labels)
    assert [str(label) for label in answers["predicted_label"]] == expected
    own = folder / f"own{suffix}"
    pd.DataFrame({"text": answers["text"], "label": expected}).to_csv(own.with_suffix(".csv"), index=False)
    outcome = call(("evaluate", "m", own.with_suffix(".csv"), "--json", "-q"), folder)
    assert outcome.code == 0, outcome.said
    assert json.loads(outcome.said)["scores"]["accuracy"] == 1.0


@pytest.mark.faults
def test_the_page_the_card_and_an_export_have_them(made: Made, folder: Path) -> None:
    strategies = ("--strategies", "finetune", "--kind", "classification", "--seeds", 1)
    calls = (
        ("compare", "table.csv", "--model", made.base, "--store", "s", *strategies, *SHORT),
        ("report", "s", "--out", "page.html"),
    )
    for arguments in calls:
        outcome = call(arguments, folder)
        assert outcome.code == 0, outcome.said
    page, card = (folder / "page.html").read_text(), (folder / "m" / "README.md").read_text()
    assert "<script>owned()" not in page + card
    assert 'href="javascript:' not in page
    assert "](javascript:" not in card.replace("\\[link\\](javascript:owned())", "")
    outcome = call(("export", "m", "--format", "onnx", "--out", "network"), folder)
    assert outcome.code == 0, outcome.said
    assert sorted(headstart_runtime.load(folder / "network").description.labels) == sorted(LABELS)
    for verb in (("verify", "m"), ("doctor", "m"), ("evaluate", "m", "table.csv")):
        outcome = call(verb, folder)
        assert outcome.code == 0, outcome.said
        assert "\x1b[31mred" not in outcome.said
