"""The command line as a person meets it: what works, what is refused, what is left behind."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.paths import REPOSITORY
from tests.support.runs import tiny_rows

CheckpointMaker = Callable[..., Path]
Cli = Callable[..., tuple[int, str, str]]


def write_csv(path: Path, rows: list[tuple[str, object]], header: tuple[str, str] = ("text", "label")) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "reviews.csv", [(text, ("bad", "good")[label]) for text, label in tiny_rows(40)])


SHORT = ("--steps", 6, "--batch-size", 4, "--max-length", 24, "--precision", "fp32", "-q")


def test_fit_predict_evaluate(cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    model = tiny_checkpoint("bert")
    code, out, err = cli(
        *("fit", reviews, "--model", model, "--out", "model", "--strategy", "eh_ft", "--stage1-fraction", 0.5),
        *SHORT[:-1],
    )
    assert code == 0, err
    assert "after adapter (3 updates in " in out
    assert "after finetune (3 updates in " in out
    assert {"model.safetensors", "head.safetensors", "head.json", "run.json"} <= {
        path.name for path in (tmp_path / "model").iterdir()
    }
    assert not (tmp_path / "model.unfinished").exists()
    assert "plan: 6 updates (adapter 3, finetune 3) on 32 rows, then 8 rows to score" in err
    assert "writes model; " in err
    run = json.loads((tmp_path / "model" / "run.json").read_text())
    assert [bool(stage["scores"]) for stage in run["stages"]] == [False, True]
    assert [stage["diagnostics"] for stage in run["stages"]] == [None, None]

    from transformers import pipeline

    answer = pipeline("text-classification", str(tmp_path / "model"))("good cat")
    assert answer[0]["label"] in ("bad", "good")

    code, _, err = cli("predict", "model", reviews, "--out", "predictions.csv")
    assert code == 0, err
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert list(rows[0]) == ["text", "label", "predicted_label", "probability_bad", "probability_good"]
    code, out, err = cli("evaluate", "model", reviews, "--json", "-q")
    assert code == 0, err
    right = sum(row["label"] == row["predicted_label"] for row in rows) / 40
    assert json.loads(out)["scores"]["accuracy"] == pytest.approx(right)


def test_a_fit_of_numbers_prints_errors_test_rows_and_other_rows(
    cli: Cli, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """Errors stand in the labels' unit, each with what the best constant answer reaches, on every set of rows."""
    rows = [f"the {word} dog {place},{1000.5 + 300 * (place % 4)}" for place, word in enumerate(["red", "big"] * 15)]
    parts = ["train"] * 18 + ["validation"] * 6 + ["test"] * 6
    cut = [f"{row},{part}" for row, part in zip(rows, parts, strict=True)]
    (tmp_path / "prices.csv").write_text("\n".join(["text,price,part", *cut]) + "\n")
    (tmp_path / "later.csv").write_text("\n".join(["text,price", *rows[:5]]) + "\n")
    columns = ("--text", "text", "--label", "price")
    code, out, err = cli(
        *("fit", "prices.csv", *columns, "--split-column", "part", "--evaluate-on", "later.csv", "--out", "model"),
        *("--model", tiny_checkpoint("bert"), "--strategy", "finetune", *SHORT),
    )
    assert code == 0, err
    number = r"-?[\d.]+"
    scores = rf"pearson {number}, spearman {number}, mae {number}, rmse {number}"
    for name, num_rows in (("validation", 6), ("later", 5), ("test", 6)):
        found = re.search(rf"on {num_rows} rows of {name}[^\n]*; the best constant answer: (.*)", out)
        assert found is not None, (name, out)
        assert re.fullmatch(rf"pearson 0.00, mae {number}, rmse {number}", found[1])
    assert len(re.findall(scores, out)) == 3
    # By numpy: of 1300.5, 1600.5, 1900.5, 1000.5, 1300.5, 1600.5 the constant errs least by the median.
    labels = np.array([1000.5 + 300 * (place % 4) for place in range(24, 30)])
    assert f"mae {np.abs(labels - np.median(labels)).mean():.4g}" in out


def test_a_non_empty_out_is_refused(cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "precious.txt").write_text("mine")
    code, _, err = cli(
        "fit", reviews, "--model", tiny_checkpoint("bert"), "--out", "model", "--strategy", "eh_ft", *SHORT
    )
    assert code == 2
    assert "there already" in err
    assert (tmp_path / "model" / "precious.txt").read_text() == "mine"


def test_compare_and_what_follows(cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    model = tiny_checkpoint("roberta")
    arguments = (
        "compare",
        reviews,
        "--model",
        model,
        "--strategies",
        "finetune,linear_probe,eh_ft",
        "--seeds",
        2,
        *SHORT,
    )
    code, out, err = cli(*arguments)
    assert code == 0, err
    assert "too few seeds for a verdict" in out or "undertrained" in out
    code, out, _ = cli(*arguments[:-1], "--json")
    assert code == 0
    labels = {row["label"] for group in [json.loads(out)] for row in _rows(group)}
    assert labels == {"finetune", "linear_probe", "eh_ft(lora)"}
    code, out, _ = cli("runs", "runs", "--json")
    records = json.loads(out)
    assert len(records) == 6
    code, _, err = cli("report", "runs", "--out", "report.html")
    assert code == 0, err
    assert (tmp_path / "report.html").read_text().startswith("<!")
    name = f"{records[0]['experiment_digest'][:12]}/{records[0]['seed']}"
    code, _, err = cli("export", "runs", name, "--out", "exported", "-q")
    assert code == 0, err
    assert (tmp_path / "exported" / "model.safetensors").exists()


def _rows(value: object) -> list[dict[str, str]]:
    """Return all objects with a label inside a JSON value."""
    if isinstance(value, dict):
        return ([value] if "label" in value else []) + [row for each in value.values() for row in _rows(each)]
    return [row for each in value for row in _rows(each)] if isinstance(value, list) else []


def test_a_recipe_is_a_file_of_options_and_the_command_line_wins(
    cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    (tmp_path / "recipe.yaml").write_text(
        f"file: reviews.csv\nmodel: {tiny_checkpoint('bert')}\nstrategies: [linear_probe]\nsteps: 4\nmax-length: 24\n"
        "seeds: 3\nstore: from-recipe\n"
    )
    code, _, err = cli("compare", "recipe.yaml", "--seeds", 1, "-q")
    assert code == 0, err
    code, out, _ = cli("runs", "from-recipe", "--json")
    (record,) = json.loads(out)
    assert (record["strategy"], record["num_steps"]) == ("linear_probe", 4)
    (tmp_path / "wrong.yaml").write_text("stratgies: [finetune]\n")
    code, _, err = cli("compare", "wrong.yaml")
    assert code == 2
    assert "did you mean 'strategies'" in err


BAD_ROWS = {
    "missing column": ("words,label\na,b\n", ["--text", "text"], "text"),
    "empty file": ("", [], "empty"),
    "header only": ("text,label\n", [], "no rows"),
    "empty text": ("text,label\ngood,a\n,b\nbad,a\nfine,b\n", [], "reviews.csv:3"),
    "missing label": ("text,label\ngood,a\nbad,\nfine,b\n", [], "reviews.csv:3"),
    "one class": ("text,label\ngood,a\nbad,a\n", [], "all rows have the label 'a'"),
    "ragged": ("text,label\ngood,a\nbad,b,c\nfine\n", [], "reviews.csv:3"),
}


@pytest.mark.parametrize("fault", BAD_ROWS)
def test_bad_rows_are_named_before_any_model_is_loaded(fault: str, cli: Cli, tmp_path: Path) -> None:
    text, options, expected = BAD_ROWS[fault]
    (tmp_path / "reviews.csv").write_text(text)
    before = set(tmp_path.iterdir())
    code, _, err = cli("fit", "reviews.csv", "--model", "no/such-model", *options)
    assert code == 2, err
    assert expected in err
    assert "no/such-model" not in err
    assert set(tmp_path.iterdir()) == before


def test_undecodable_bytes_are_named_with_their_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_bytes(b"text,label\ngood,a\nb\xe9d,b\n")
    code, _, err = cli("fit", "reviews.csv", "--model", "no/such-model")
    assert code == 2
    assert "reviews.csv:3" in err


@pytest.mark.parametrize(
    "verb", [("fit", "rows.csv", "--model", "no/such-model"), ("compare", "rows.csv"), ("inspect", "rows.csv")]
)
def test_faulty_weights_are_named_by_line(verb: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
    rows = [f"a {row} cat,{'xy'[row % 2]},{0 if row == 5 else 2}" for row in range(12)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label,w", *rows]) + "\n")
    code, _, err = cli(*verb, "--weight", "w")
    assert code == 2
    assert "rows.csv:7: the weight ('w') is not a number above 0" in " ".join(err.split())
    code, _, err = cli(*verb, "--weight", "v")
    assert (code, "the column 'v' (--weight) is missing" in " ".join(err.split())) == (2, True)


def test_a_class_that_training_lacks_is_an_error(cli: Cli, reviews: Path, tmp_path: Path) -> None:
    write_csv(tmp_path / "validation.csv", [("good cat", "good"), ("odd cat", "weird")])
    code, _, err = cli("fit", reviews, "--validation", "validation.csv", "--model", "no/such-model")
    assert code == 2
    assert "weird" in err


BAD_CALLS = {
    "unknown strategy": (["--strategies", "lpft"], "did you mean 'lp_ft'"),
    "unknown adapter": (["--adapters", "lor"], "did you mean 'lora'"),
    "unknown option of an adapter": (["--adapters", "lora:rnk=3"], "did you mean 'rank'"),
    "adapter without use": (["--strategies", "finetune", "--adapters", "lora"], "no effect"),
    "fraction without use": (["--strategies", "finetune", "--stage1-fraction", "0.2"], "no effect"),
    "rate without use": (["--strategies", "linear_probe", "--learning-rates", "1e-3"], "no effect"),
    "fraction out of range": (["--stage1-fraction", "1.5"], "under 1"),
    "epochs and steps": (["--epochs", "2", "--steps", "5"], "were given"),
    "no steps": (["--steps", "0"], "above 0"),
    "no batch": (["--batch-size", "0"], "at least 1"),
    "stage without use": (["--strategies", "finetune", "--trainer", "probe.optim=sgd"], "unknown stage 'probe'"),
    "no seeds": (["--seeds", "0"], "at least 1"),
    "precision": (["--precision", "fp8"], "fp8"),
    "preset": (["--preset", "papr"], "did you mean 'paper'"),
    "head": (["--head", "mlpp"], "did you mean 'mlp'"),
    "rate": (["--learning-rates", "fast"], "fast"),
    "too long": (["--max-length", "4000"], "4000"),
    "trainer field": (["--trainer", "gradient_acumulation_steps=2"], "did you mean"),
    "owned trainer field": (["--trainer", "seed=2"], "--seed"),
    "data root without use": (["--data-root", "."], "no effect"),
}


@pytest.mark.parametrize("fault", BAD_CALLS)
def test_bad_calls_end_with_2_and_leave_nothing(
    fault: str, cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    options, expected = BAD_CALLS[fault]
    before = set(tmp_path.iterdir())
    length = [] if "--max-length" in options else ["--max-length", 32]
    code, _, err = cli("compare", reviews, "--model", tiny_checkpoint("bert"), *length, *options)
    assert code == 2, err
    assert expected in err
    assert set(tmp_path.iterdir()) == before


def test_neither_file_nor_task(cli: Cli) -> None:
    code, _, err = cli("compare")
    assert code == 2
    assert "neither a file nor a task" in err


def test_an_unknown_task_and_a_missing_root(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("compare", "--tasks", "glue/rtee")
    assert (code, "did you mean 'glue/rte'" in err) == (2, True)
    code, _, err = cli("compare", "--tasks", "glue/rte", "--data-root", tmp_path)
    assert (code, "--data-root" in err) == (2, True)


def test_unknown_runs_and_stores(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("runs", "nowhere")
    assert (code, "no such store" in err) == (2, True)
    code, _, err = cli("report", "nowhere")
    assert code == 2
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file.txt").write_text("x")
    code, _, err = cli("runs", "folder")
    assert (code, "not a headstart store" in err) == (2, True)


@pytest.mark.parametrize(
    "verb",
    ["", "fit", "predict", "evaluate", "compare", "report", "plan", "runs", "gc", "export", "serve", "tasks", "doctor"],
)
def test_help_teaches_and_loads_nothing_heavy(verb: str) -> None:
    code = "import sys; from headstart.cli.main import main\ntry: main()\nexcept SystemExit: pass\n" + (
        "heavy = {'torch', 'transformers', 'peft', 'sklearn', 'pandas', 'pyarrow', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    arguments = [verb, "--help"] if verb else ["--help"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
    )
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_doctor_and_tasks(cli: Cli, tiny_checkpoint: CheckpointMaker) -> None:
    code, out, err = cli("doctor", tiny_checkpoint("modernbert"))
    assert code == 0, err
    assert "bitfit" in out
    assert "no biases" in out
    code, out, _ = cli("tasks")
    assert code == 0
    assert all(name in out for name in ("demo", "glue/rte", "super_glue/cb"))


BAD_OPTIONS = {
    "--columns without --no-header": (["--columns", "a,b"], "--columns would have no effect: a header names"),
    "--no-header without --columns": (["--no-header"], "--no-header needs the columns' names"),
    "an unknown kind": (["--kind", "regresion"], "did you mean 'regression'"),
    "an unknown loss": (["--loss", "focl"], "did you mean 'focal'"),
    "an unknown way with long texts": (["--long", "windows"], "did you mean 'window'"),
    "a stride without windows": (["--stride", "8"], "--stride would have no effect"),
    "weights that are no file": (["--class-weights", "balancd"], "none, balanced, or a JSON file"),
    "all of the label smoothed": (["--label-smoothing", "1"], "It is 0 or more, and under 1."),
    "a number that is none": (["--epochs", "x"], "valid number"),
    "seeds beside the folds": (["--folds", "3", "--seeds", "4"], "does not go through 3 folds a whole number of times"),
    "JSON of a smoke run": (["--smoke", "--json"], "--json would have no effect"),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_options_of_data_and_loss_are_checked_before_training(
    name: str, cli: Cli, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    extra, said = BAD_OPTIONS[name]
    (tmp_path / "t.csv").write_text("text,label\n" + "".join(f"a {n} cat,{'xy'[n % 2]}\n" for n in range(12)))
    code, _, err = cli(
        "compare", "t.csv", "--model", tiny_checkpoint("bert"), "--strategies", "finetune", "--steps", "2", *extra
    )
    assert code == 2, err
    assert said in " ".join(err.replace("│", " ").split())
    assert not list((tmp_path / "runs").glob("*/seed-*"))


def test_a_files_folds_and_weights_reach_the_runs(cli: Cli, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("".join(f"a {n} cat,{'xxy'[n % 3]},{1 + n % 2}\n" for n in range(18)))
    (tmp_path / "weights.json").write_text('{"x": 1, "y": 2.5}')
    code, out, err = cli(
        *("compare", "t.csv", "--no-header", "--columns", "text,label,w", "--weight", "w"),
        *("--model", tiny_checkpoint("bert"), "--strategies", "finetune", "--steps", "2"),
        *("--folds", "3", "--class-weights", "weights.json", "--max-length", "16"),
    )
    assert code == 0, err
    assert "folds that share training rows" in " ".join(out.split())
    assert "rows are weighed by 'w', from 1 to 2, in training" in " ".join(err.split())
    (path,) = (tmp_path / "runs").glob("*/experiment.json")
    experiment = json.loads(path.read_text())["experiment"]
    assert experiment["training"]["loss"]["class_weights"] == [1.0, 2.5]
    assert experiment["evaluation"]["folds"] == 3
    assert len(list((tmp_path / "runs").glob("*/seed-*/run.json"))) == 3
