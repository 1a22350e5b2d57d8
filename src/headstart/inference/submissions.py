"""Answers to test rows whose labels are hidden, as GLUE and SuperGLUE take them: file names, words and row numbers.

Source: gluebenchmark.com and super.gluebenchmark.com; the words are those of jiant, the toolkit of their authors.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.atomic_files import output_path
from headstart.data.examples import Split
from headstart.data.formats import read_split
from headstart.data.loading import load_table
from headstart.errors import DataError, UsageError
from headstart.registry import Registry
from headstart.tasks import constants
from headstart.tasks.published import GLUE, SUPER_GLUE
from headstart.tasks.task import Task

Answer = int | str
Index = tuple[int, ...]
"""The number of a row; of a MultiRC row those of paragraph, question and answer."""
Write = Callable[[Sequence[Index], Sequence[Answer]], str]
INDEX_COLUMN = "idx"
INDEX_PARTS = ("paragraph", "question", "answer")
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The same answers make the same bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionFile:
    """One file of a submission.

    Attributes:
        name: in the archive.
        answered_by: names of tasks whose models may answer, each with the task whose test rows they are asked.
        words: how each class or choice is called; empty for numbers.
        write: makes the file's text of row numbers and answers.
    """

    name: str
    answered_by: tuple[tuple[str, Task], ...]
    words: tuple[Answer, ...]
    write: Write

    def asked(self, model_task: str) -> Task:
        """Return the task whose test rows a model of `model_task` is asked."""
        return dict(self.answered_by)[model_task]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """What one leaderboard wants; `lacking` says what of it no model of ours can answer, "" for nothing."""

    files: tuple[SubmissionFile, ...]
    lacking: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenRows:
    """Test rows, with their numbers; labels are None."""

    split: Split
    indices: tuple[Index, ...]


def read_hidden_rows(task: Task, data_root: Path | None) -> HiddenRows:
    """Return a task's test rows, from `data_root` with `<suite>/<task>/<split>.jsonl` or, where it is None, the hub.

    Raises:
        UsageError: if they cannot be found, or are not as many as officially.
        DataError: with all faults of the rows.
    """
    table = load_table(task, task.test_split, data_root=data_root)
    split = read_split(task, table, labelled=False)
    numbers = table.columns.get(INDEX_COLUMN)
    if numbers is None:
        raise DataError([table.fault(f"has no column {INDEX_COLUMN!r}, which numbers the rows of a submission")])
    indices = [_index(value) for value in numbers]
    faults = [
        table.fault(f"{INDEX_COLUMN!r} is no row number", row, value=numbers[row])
        for row, index in enumerate(indices)
        if not index
    ]
    if not faults and len(set(indices)) < len(indices):
        faults = [table.fault(f"two rows have the same {INDEX_COLUMN!r}")]
    if faults:
        raise DataError(faults)
    official = dict(task.num_rows)[task.test_split]
    if len(split) != official:
        raise UsageError(
            f"the {task.test_split} split of {task.name} has {len(split)} rows here, officially {official}"
        )
    return HiddenRows(split=split, indices=tuple(indices))


def answers_of(file: SubmissionFile, decisions: Sequence[float]) -> list[Answer]:
    """Return decisions in the file's words.

    Args:
        file: says how classes and choices are called.
        decisions: classes or choices by index, or numbers, which are kept within the scale of STS-B, 0 to 5.
    """
    if not file.words:
        return [f"{min(max(float(value), 0.0), 5.0):.3f}" for value in decisions]
    return [file.words[int(index)] for index in decisions]


def best_constant(task: Task, training: Split) -> float:
    """Return the best constant answer to the training rows, where an answer is one class, choice or number."""
    labels = task.kind.label_array(training.labels or (), task.num_labels)
    return float(constants.best_constant(task.kind, task.main_metric, labels, training.groups)[0])


def write_archive(out: Path, texts: Mapping[str, str]) -> None:
    """Write texts by file name as a zip archive, in their order, whole or not at all.

    Raises:
        MachineError: if the disk is full or the folder may not be written.
    """
    with output_path(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIME), text, zipfile.ZIP_DEFLATED)


def _index(value: object) -> Index:
    """Return a row's number, or () where the value is not one."""
    parts = [value.get(part) for part in INDEX_PARTS] if isinstance(value, dict) else [value]
    whole = tuple(part for part in parts if isinstance(part, int) and not isinstance(part, bool))
    return whole if len(whole) == len(parts) else ()


def tab_separated(indices: Sequence[Index], answers: Sequence[Answer]) -> str:
    """Return a GLUE file: a header, and a line per row."""
    lines = [f"{index[0]}\t{answer}" for index, answer in zip(indices, answers, strict=True)]
    return "".join(f"{line}\n" for line in ("index\tprediction", *lines))


def json_lines(indices: Sequence[Index], answers: Sequence[Answer]) -> str:
    """Return a SuperGLUE file: a JSON object per row."""
    rows = ({"idx": index[0], "label": answer} for index, answer in zip(indices, answers, strict=True))
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def by_paragraph(indices: Sequence[Index], answers: Sequence[Answer]) -> str:
    """Return the MultiRC file: a line per paragraph, in it all questions, in these all answers, in the rows' order."""
    paragraphs: dict[int, dict[int, list[dict[str, Answer]]]] = {}
    for (paragraph, question, number), answer in zip(indices, answers, strict=True):
        paragraphs.setdefault(paragraph, {}).setdefault(question, []).append({"idx": number, "label": answer})
    lines = (
        {"idx": paragraph, "passage": {"questions": [{"idx": each, "answers": said} for each, said in asked.items()]}}
        for paragraph, asked in paragraphs.items()
    )
    return "".join(f"{json.dumps(line)}\n" for line in lines)


NUMBERED = (0, 1)
MNLI_WORDS = GLUE["glue/mnli"].labels
ENTAILMENT = SUPER_GLUE["super_glue/rte"].labels


def _glue_file(name: str, asked: str, words: tuple[Answer, ...], model_task: str | None = None) -> SubmissionFile:
    answered_by = ((f"glue/{model_task or asked}", GLUE[f"glue/{asked}"]),)
    return SubmissionFile(name=f"{name}.tsv", answered_by=answered_by, words=words, write=tab_separated)


def _super_glue_file(
    name: str, words: tuple[Answer, ...], asked_by_model: Mapping[str, str], write: Write = json_lines
) -> SubmissionFile:
    answered_by = tuple(
        (f"super_glue/{model_task}", SUPER_GLUE[f"super_glue/{asked}"]) for model_task, asked in asked_by_model.items()
    )
    return SubmissionFile(name=f"{name}.jsonl", answered_by=answered_by, words=words, write=write)


SUITES: Registry[Suite] = Registry("suite")
SUITES.add(
    "glue",
    Suite(
        files=(
            _glue_file("CoLA", "cola", NUMBERED),
            _glue_file("SST-2", "sst2", NUMBERED),
            _glue_file("MRPC", "mrpc", NUMBERED),
            _glue_file("STS-B", "stsb", ()),
            _glue_file("QQP", "qqp", NUMBERED),
            _glue_file("MNLI-m", "mnli", MNLI_WORDS),
            _glue_file("MNLI-mm", "mnli_mismatched", MNLI_WORDS, "mnli"),
            _glue_file("QNLI", "qnli", ENTAILMENT),
            _glue_file("RTE", "rte", ENTAILMENT),
            _glue_file("WNLI", "wnli", NUMBERED),
            _glue_file("AX", "ax", MNLI_WORDS, "mnli"),
        )
    ),
)
SUITES.add(
    "super_glue",
    Suite(
        files=(
            _super_glue_file("BoolQ", ("false", "true"), {"boolq": "boolq"}),
            _super_glue_file("CB", SUPER_GLUE["super_glue/cb"].labels, {"cb": "cb"}),
            _super_glue_file("COPA", NUMBERED, {"copa": "copa"}),
            _super_glue_file("MultiRC", NUMBERED, {"multirc": "multirc"}, by_paragraph),
            _super_glue_file("RTE", ENTAILMENT, {"rte": "rte"}),
            _super_glue_file("WiC", ("false", "true"), {"wic": "wic", "wic_marked": "wic_marked"}),
            _super_glue_file("WSC", ("False", "True"), {"wsc": "wsc", "wsc_marked": "wsc_marked"}),
            _super_glue_file("AX-b", ENTAILMENT, {"rte": "axb"}),
            _super_glue_file("AX-g", ENTAILMENT, {"rte": "axg"}),
        ),
        lacking="ReCoRD.jsonl is not in it: ReCoRD picks a word of a passage, which is not classification",
    ),
)
