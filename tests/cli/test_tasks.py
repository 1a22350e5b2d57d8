"""`headstart tasks` and `headstart submit` as a person meets them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.tasks.catalogue import TASKS

CheckpointMaker = Callable[..., Path]
Cli = Callable[..., tuple[int, str, str]]
NUM_TRAIN, NUM_VALIDATION = 12, 6
NUM_TEST = {"cb": 250, "copa": 500, "wsc": 146, "wic": 1400, "boolq": 3245, "rte": 3000, "axb": 1104, "axg": 356}


def write_rows(root: Path, task: str, split: str, rows: list[dict[str, object]]) -> None:
    folder = root / "super_glue" / task
    folder.mkdir(parents=True, exist_ok=True)
    numbered = ({**row, "idx": row.get("idx", number)} for number, row in enumerate(rows))
    (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in numbered), encoding="utf-8")


def write_super_glue(root: Path) -> Path:
    """Write a data root with every split that a submission reads, in the official sizes of the test splits."""
    pair: dict[str, object] = {"premise": "the cat ran", "hypothesis": "a dog"}
    span: dict[str, object] = {"start1": 0, "end1": 3, "start2": 2, "end2": 5}
    rows: dict[str, dict[str, object]] = {
        "cb": pair,
        "rte": pair,
        "axg": pair,
        "axb": {"sentence1": "the cat ran", "sentence2": "a dog"},
        "boolq": {"passage": "the cat ran", "question": "who"},
        "copa": {"premise": "The cat ran.", "choice1": "A dog.", "choice2": "A king.", "question": "cause"},
        "wic": {"sentence1": "cat ran", "sentence2": "a dog", "word": "cat", **span},
        "wsc": {"text": "the cat ran", "span1_index": 1, "span1_text": "cat", "span2_index": 2, "span2_text": "ran"},
    }
    for task, row in rows.items():
        write_rows(root, task, "test", [{**row, "label": -1}] * NUM_TEST[task])
        if task not in ("axb", "axg"):
            write_rows(root, task, "train", [{**row, "label": min(number % 3, 1)} for number in range(NUM_TRAIN)])
    write_rows(root, "cb", "train", [{**pair, "label": number % 3} for number in range(NUM_TRAIN)])
    write_rows(root, "cb", "validation", [{**pair, "label": number % 3} for number in range(NUM_VALIDATION)])
    answers = [
        {
            "paragraph": "a cat",
            "question": "who",
            "answer": "a dog",
            "label": 0,
            "idx": {"paragraph": number // 9, "question": number // 3, "answer": number},
        }
        for number in range(9693)
    ]
    write_rows(root, "multirc", "test", answers)
    write_rows(root, "multirc", "train", answers[:NUM_TRAIN])
    return root


def test_every_task_is_listed(cli: Cli) -> None:
    code, out, err = cli("tasks")
    assert (code, err) == (0, "")
    assert all(name in out for name in TASKS)
    code, out, _ = cli("tasks", "--json")
    listed = {task["name"]: task for task in json.loads(out)}
    assert tuple(sorted(listed)) == TASKS.names()
    assert listed["glue/stsb"]["kind"] == "regression"
    assert listed["super_glue/axg"]["train_split"] is None
    assert listed["super_glue/copa"]["choice_columns"] == ["choice1", "choice2"]


def test_a_run_and_fillings_make_an_archive(cli: Cli, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    root = write_super_glue(tmp_path / "data")
    options = ("--seeds", 1, "--steps", 4, "--batch-size", 4, "--max-length", 16, "--precision", "fp32", "-q")
    code, _, err = cli(
        *("compare", "--tasks", "super_glue/cb", "--data-root", root, "--model", tiny_checkpoint("bert")),
        *("--strategies", "finetune", "--store", "runs", *options),
    )
    assert code == 0, err
    command = ("submit", "runs", "--suite", "super_glue", "--out", "a.zip", "--data-root", root, "-q")
    code, _, err = cli(*command)
    assert code == 2
    assert "no finished run for: BoolQ.jsonl (super_glue/boolq), COPA.jsonl" in err
    assert "CB.jsonl" not in err
    code, out, err = cli(*command, "--fill-missing")
    assert code == 0, err
    assert "CB.jsonl: super_glue/cb finetune, " in out
    assert "BoolQ.jsonl: no model; always true" in out
    assert "ReCoRD.jsonl is not in it" in out
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert len(archive.namelist()) == 9
        rows = [json.loads(line) for line in archive.read("CB.jsonl").splitlines()]
        assert [row["idx"] for row in rows] == list(range(250))
        assert {row["label"] for row in rows} <= {"entailment", "contradiction", "neutral"}
        filled = [json.loads(line) for line in archive.read("AX-g.jsonl").splitlines()]
        assert filled == [{"idx": number, "label": "not_entailment"} for number in range(356)]
    code, _, err = cli(*command, "--fill-missing")
    assert code == 2
    assert "a.zip is there already" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere", "--suite", "glue", "--out", "a.zip"), "no such store: nowhere"),
        (("nowhere", "--suite", "glu", "--out", "a.zip"), "unknown suite 'glu': did you mean 'glue'?"),
        (("nowhere", "--suite", "glue", "--out", "a.tar"), "Give --out a.zip"),
    ],
)
def test_mistakes_are_said(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    code, _, err = cli("submit", *arguments)
    assert code == 2
    assert message in err
