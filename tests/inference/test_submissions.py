"""Submission files: names, words and shapes as the leaderboards take them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from headstart.data.examples import Split
from headstart.errors import DataError, UsageError
from headstart.inference.submissions import (
    SUITES,
    SubmissionFile,
    answers_of,
    best_constant,
    read_hidden_rows,
    write_archive,
)
from headstart.kinds.catalogue import kind_named
from headstart.tasks.catalogue import TASKS
from headstart.tasks.published import SUPER_GLUE

# Sizes of the test sets: Wang et al. 2019 (GLUE, table 1; SuperGLUE, table 1), in rows of the hub's files.
SIZES = {
    "glue": {
        "CoLA.tsv": 1063,
        "SST-2.tsv": 1821,
        "MRPC.tsv": 1725,
        "STS-B.tsv": 1379,
        "QQP.tsv": 390965,
        "MNLI-m.tsv": 9796,
        "MNLI-mm.tsv": 9847,
        "QNLI.tsv": 5463,
        "RTE.tsv": 3000,
        "WNLI.tsv": 146,
        "AX.tsv": 1104,
    },
    "super_glue": {
        "BoolQ.jsonl": 3245,
        "CB.jsonl": 250,
        "COPA.jsonl": 500,
        "MultiRC.jsonl": 9693,
        "RTE.jsonl": 3000,
        "WiC.jsonl": 1400,
        "WSC.jsonl": 146,
        "AX-b.jsonl": 1104,
        "AX-g.jsonl": 356,
    },
}
FILES = [(suite, file) for suite in SUITES for file in SUITES.get(suite).files]


def file_called(suite: str, name: str) -> SubmissionFile:
    (found,) = [file for file in SUITES.get(suite).files if file.name == name]
    return found


def write_test_rows(root: Path, rows: list[dict[str, object]]) -> Path:
    folder = root / "super_glue" / "cb"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return root


@pytest.mark.parametrize("suite", SUITES.names())
def test_names_and_sizes_are_the_official_ones(suite: str) -> None:
    files = SUITES.get(suite).files
    sizes = {file.name: {dict(task.num_rows)[task.test_split] for _, task in file.answered_by} for file in files}
    assert sizes == {name: {size} for name, size in SIZES[suite].items()}


@pytest.mark.parametrize(("suite", "file"), FILES, ids=[f"{suite}/{file.name}" for suite, file in FILES])
def test_whoever_answers_has_the_answers_that_the_file_has_words_for(suite: str, file: SubmissionFile) -> None:
    for model_task, asked in file.answered_by:
        trained = TASKS.get(model_task)
        assert (trained.kind, trained.labels) == (asked.kind, asked.labels)
        assert trained.has_spans == asked.has_spans
        assert trained.train_split is not None
        assert asked.name.startswith(f"{suite}/")
        assert len(file.words) == (
            0 if asked.kind is kind_named("regression") else len(asked.choice_columns or asked.labels)
        )
        spelled = tuple(word.lower() for word in file.words if isinstance(word, str))
        assert spelled in ((), asked.labels)


@pytest.mark.parametrize(
    ("suite", "name", "decisions", "text"),
    [
        ("glue", "CoLA.tsv", [1, 0], "index\tprediction\n0\t1\n1\t0\n"),
        ("glue", "STS-B.tsv", [4.56789, 5.2], "index\tprediction\n0\t4.568\n1\t5.000\n"),
        ("glue", "STS-B.tsv", [-0.5, 0.25], "index\tprediction\n0\t0.000\n1\t0.250\n"),
        ("glue", "MNLI-mm.tsv", [1, 2], "index\tprediction\n0\tneutral\n1\tcontradiction\n"),
        ("glue", "QNLI.tsv", [0, 1], "index\tprediction\n0\tentailment\n1\tnot_entailment\n"),
        ("super_glue", "BoolQ.jsonl", [1, 0], '{"idx": 0, "label": "true"}\n{"idx": 1, "label": "false"}\n'),
        ("super_glue", "WSC.jsonl", [1, 0], '{"idx": 0, "label": "True"}\n{"idx": 1, "label": "False"}\n'),
        ("super_glue", "CB.jsonl", [2, 1], '{"idx": 0, "label": "neutral"}\n{"idx": 1, "label": "contradiction"}\n'),
        ("super_glue", "COPA.jsonl", [1, 0], '{"idx": 0, "label": 1}\n{"idx": 1, "label": 0}\n'),
    ],
)
def test_answers_are_written_in_the_official_words(suite: str, name: str, decisions: list[float], text: str) -> None:
    file = file_called(suite, name)
    assert file.write([(0,), (1,)], answers_of(file, decisions)) == text


def test_multirc_answers_stand_under_their_questions() -> None:
    file = file_called("super_glue", "MultiRC.jsonl")
    text = file.write([(0, 0, 0), (0, 0, 1), (0, 1, 2), (1, 2, 3)], answers_of(file, [1, 0, 1, 0]))
    assert [json.loads(line) for line in text.splitlines()] == [
        {
            "idx": 0,
            "passage": {
                "questions": [
                    {"idx": 0, "answers": [{"idx": 0, "label": 1}, {"idx": 1, "label": 0}]},
                    {"idx": 1, "answers": [{"idx": 2, "label": 1}]},
                ]
            },
        },
        {"idx": 1, "passage": {"questions": [{"idx": 2, "answers": [{"idx": 3, "label": 0}]}]}},
    ]


def test_test_rows_are_read_with_their_numbers(tmp_path: Path) -> None:
    rows = [{"premise": "a", "hypothesis": "b", "label": -1, "idx": number} for number in reversed(range(250))]
    hidden = read_hidden_rows(SUPER_GLUE["super_glue/cb"], write_test_rows(tmp_path, rows))
    assert hidden.indices == tuple((number,) for number in reversed(range(250)))
    assert hidden.split.labels is None


@pytest.mark.parametrize(
    ("change", "num_rows", "error", "message"),
    [
        ({}, 249, UsageError, "the test split of super_glue/cb has 249 rows here, officially 250"),
        ({"idx": 0}, 250, DataError, "two rows have the same 'idx'"),
        ({"idx": "x"}, 250, DataError, r"test.jsonl: 250 lines .*'idx' is no row number: 'x'"),
        ({"premise": 3}, 250, DataError, "'premise' is not text but 3"),
    ],
)
def test_test_rows_that_no_leaderboard_would_take_are_refused(
    tmp_path: Path, change: dict[str, object], num_rows: int, error: type[UsageError], message: str
) -> None:
    rows = [{"premise": "a", "hypothesis": "b", "idx": number, **change} for number in range(num_rows)]
    with pytest.raises(error, match=message):
        read_hidden_rows(SUPER_GLUE["super_glue/cb"], write_test_rows(tmp_path, rows))


def test_a_file_without_row_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no column 'idx'"):
        read_hidden_rows(SUPER_GLUE["super_glue/cb"], write_test_rows(tmp_path, [{"premise": "a", "hypothesis": "b"}]))


def test_the_best_constant_answer_is_that_of_the_training_rows() -> None:
    split = Split.of(texts=(("a",),) * 5, labels=(2, 1, 1, 0, 0))
    assert best_constant(SUPER_GLUE["super_glue/cb"], split) == 0
    numbers = Split.of(texts=(("a",),) * 2, labels=(1.0, 4.0))
    assert best_constant(TASKS.get("glue/stsb"), numbers) == 2.5


def test_the_same_answers_make_the_same_archive(tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        write_archive(tmp_path / name, {"RTE.tsv": "index\tprediction\n", "AX.tsv": "x"})
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == ["RTE.tsv", "AX.tsv"]
        assert archive.read("AX.tsv") == b"x"
        assert archive.testzip() is None
