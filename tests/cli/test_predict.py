"""`predict` and `evaluate` as a person calls them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.artifacts.model_folder import save_model_folder
from headstart.tasks.demo import DEMO
from tests.support.kinds import TASKS
from tests.support.saved import PAIR_TASK, TEXT_TASK, make_example, texts
from tests.support.tiny import make_checkpoint

NOT_COMPARED = "precision: fp32, since this model was not compared with itself in bf16"
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    checkpoint = make_checkpoint(folder / "source", "bert")
    tasks = {"texts": TEXT_TASK, "pairs": PAIR_TASK, "choices": TASKS["multiple_choice"], "demo": DEMO}
    for name, task in tasks.items():
        example = make_example(checkpoint, task=task)
        save_model_folder(example.classifier, example.tokenizer, folder / name, info=example.info)
    return {name: folder / name for name in tasks}


def test_predict_says_what_it_wrote_and_what_was_cut(cli: Cli, models: dict[str, Path], tmp_path: Path) -> None:
    rows = "".join(f"{text}\n" for (text,) in texts(TEXT_TASK).texts)
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(b"text\n" + rows.encode()))
    code, out, err = cli("predict", models["texts"], "in.csv.gz", "--out", "out.jsonl.gz")
    assert code == 0, err
    assert out.splitlines() == [
        "23 rows: out.jsonl.gz",
        NOT_COMPARED,
        "7 rows were longer than the model reads, and were cut",
    ]
    lines = gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()).decode().splitlines()
    assert list(json.loads(lines[0])) == [
        "text",
        "predicted_label",
        "probability_bad",
        "probability_fair",
        "probability_good",
    ]
    code, out, _ = cli("predict", models["texts"], "in.csv.gz", "--out", "again.tsv", "--json")
    assert json.loads(out) == {
        "num_rows": 23,
        "num_resumed": 0,
        "num_truncated": 7,
        "num_without_label": 0,
        "num_incomplete": 0,
        "precision": "fp32",
        "notes": [NOT_COMPARED],
        "out": "again.tsv",
    }


def test_predict_reads_files_without_a_header_and_choices(cli: Cli, models: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("the cat,big,small\nthe dog,red,blue\n")
    code, _, err = cli(
        *("predict", models["choices"], "in.csv", "--out", "out.csv"),
        *("--no-header", "--columns", "text,left,right", "--choices", "left,right"),
    )
    assert code == 0, err
    header = (tmp_path / "out.csv").read_text().splitlines()[0]
    assert header == "text,left,right,predicted_choice,probability_0,probability_1"


def test_evaluate_by_group_says_the_worst_and_what_chance_does(
    cli: Cli, models: dict[str, Path], tmp_path: Path
) -> None:
    lines = [f"the cat sits {row},good,{('en', 'de', '')[row % 3]}" for row in range(36)]
    (tmp_path / "test.csv").write_text("\n".join(["text,verdict,language", *lines]) + "\n")
    code, out, err = cli("evaluate", models["texts"], tmp_path / "test.csv", "--group-by", "language")
    assert code == 0, err
    assert re.search(r"^ group +accuracy +95 % interval +rows", out, re.MULTILINE)
    assert re.search(r"^ \(missing\) +[\d.]+ +\[[\d.]+, [\d.]+\] +12", out, re.MULTILINE)
    assert "with the groups' names shuffled over the rows" in " ".join(out.split())
    code, out, _ = cli("evaluate", models["texts"], tmp_path / "test.csv", "--group-by", "language", "--json")
    found = json.loads(out)["by_group"]
    assert {each["name"]: each["num_rows"] for each in found["groups"]} == {"en": 12, "de": 12, "(missing)": 12}
    (tmp_path / "thrice.csv").write_text("\n".join(["text,verdict,language", *3 * lines]) + "\n")
    code, out, _ = cli("evaluate", models["texts"], tmp_path / "thrice.csv", "--group-by", "language", "--json")
    thrice = json.loads(out)["by_group"]
    assert [each["num_rows"] for each in thrice["groups"]] == [36, 36, 36]
    assert [each["interval"] for each in thrice["groups"]] == [each["interval"] for each in found["groups"]]
    assert thrice["gap"] == found["gap"]
    code, _, err = cli("evaluate", models["texts"], tmp_path / "test.csv", "--group-by", "tongue")
    assert code == 2
    assert "'tongue'" in err
    code, _, err = cli("evaluate", models["demo"], "--task", "demo", "--group-by", "language")
    assert (code, "--group-by would have no effect" in err) == (2, True)


def test_evaluate_on_a_task_by_name(cli: Cli, models: dict[str, Path]) -> None:
    code, out, err = cli("evaluate", models["demo"], "--task", "demo", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert list(found["scores"]) == list(DEMO.metrics)
    assert found["num_rows"] == dict(DEMO.num_rows).get(DEMO.evaluation_split, found["num_rows"])


def test_evaluate_on_a_file(cli: Cli, models: dict[str, Path], tmp_path: Path) -> None:
    rows = "".join(f"{text},good\n" for (text,) in texts(TEXT_TASK).texts)
    (tmp_path / "test.csv").write_text("text,stars\n" + rows)
    code, out, err = cli("evaluate", models["texts"], "test.csv", "--label", "stars")
    assert code == 0, err
    assert "accuracy: " in out
    assert "on 23 rows of test.csv; the best constant answer: accuracy 100.00" in out
    assert "7 rows were longer" in out


def test_predict_counts_rows_without_a_text_and_names_the_best_answers(
    cli: Cli, models: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("id,text\n1,the cat\n2,\n3,the dog\n")
    code, out, err = cli(
        *("predict", models["texts"], "in.csv", "--out", "out.csv", "--precision", "fp32"),
        *("--top", "1", "--no-probabilities", "--device", "cpu"),
    )
    assert code == 0, err
    assert out.splitlines() == ["3 rows: out.csv", "1 row lacks a text and got no answer"]
    header, *rows = (tmp_path / "out.csv").read_text().splitlines()
    assert header == "id,text,predicted_label,top_1"
    assert [row.endswith(",,") for row in rows] == [False, True, False]


BAD_CALLS = {
    "no source": (["evaluate", "texts"], "neither a file nor a task"),
    "two sources": (["evaluate", "texts", "in.csv", "--task", "demo"], "both a file and a task"),
    "root without task": (["evaluate", "texts", "in.csv", "--data-root", "."], "--data-root would have no effect"),
    "column of a task": (["evaluate", "demo", "--task", "demo", "--text", "x"], "--text would have no effect"),
    "unknown task": (["evaluate", "texts", "--task", "glue/rtee"], "did you mean 'glue/rte'"),
    "other answers": (["evaluate", "texts", "--task", "demo"], "their answers differ"),
    "no model": (["predict", ".", "in.csv", "--out", "out.csv"], "not a model folder"),
    "no such file": (["predict", "texts", "other.csv", "--out", "out.csv"], "other.csv"),
    "a folder": (["predict", "texts", ".", "--out", "out.csv"], "folder"),
    "unknown format": (["predict", "texts", "in.csv", "--out", "out.xlsx"], ".csv.gz"),
    "output is input": (["predict", "texts", "in.csv", "--out", "in.csv"], "is there already"),
    "header without names": (["predict", "texts", "in.csv", "--out", "out.csv", "--no-header"], "--columns"),
    "a second text": (
        ["predict", "texts", "in.csv", "--out", "out.csv", "--text-pair", "x"],
        "the model reads one text",
    ),
    "no such column": (["predict", "texts", "in.csv", "--out", "out.csv", "--text", "txt"], "'txt'"),
    "precision": (["predict", "texts", "in.csv", "--out", "out.csv", "--precision", "fp8"], "fp8"),
    "device": (["predict", "texts", "in.csv", "--out", "out.csv", "--device", "gpu"], "unknown device 'gpu'"),
    "no answers to name": (["predict", "texts", "in.csv", "--out", "out.csv", "--top", "4"], "--top was given as 4"),
    "a batch of nothing": (["predict", "texts", "in.csv", "--out", "out.csv", "--batch-size", "0"], "batch-size"),
}


@pytest.mark.parametrize("fault", BAD_CALLS)
def test_bad_calls_end_with_2_and_leave_nothing(fault: str, cli: Cli, models: dict[str, Path], tmp_path: Path) -> None:
    (verb, model, *rest), expected = BAD_CALLS[fault]
    (tmp_path / "in.csv").write_text("text,verdict\nthe cat,good\n")
    code, _, err = cli(verb, models.get(model, model), *rest)
    assert code == 2, err
    assert expected in err
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
