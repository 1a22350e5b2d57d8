"""What every task by name must be: described in full, pinned, and true of the real rows where they are at hand."""

from __future__ import annotations

import re
from functools import cache

import pytest

from headstart.data.examples import Span, Split, TaskData
from headstart.data.formats import FORMATS
from headstart.data.loading import load_task
from headstart.kinds.catalogue import kind_named
from headstart.metrics import BY_GROUP, FOR_TWO_CLASSES, KNOWN, compute
from headstart.tasks.catalogue import TASKS
from headstart.tasks.task import Task
from tests.support.paths import REPOSITORY, SHARED_DATA, needs_shared_data

NAMES = TASKS.names()
PAPER = {
    "glue/rte": "accuracy",
    "super_glue/boolq": "accuracy",
    "super_glue/copa": "accuracy",
    "super_glue/cb": "accuracy",
    "super_glue/wic": "accuracy",
    "glue/mrpc": "accuracy",
    "glue/qnli": "accuracy",
    "glue/cola": "matthews",
    "glue/stsb": "pearson",
}
"""The paper's nine tasks and what it reports of each (PAPER.md, section 2)."""
METRICS_OF_KIND = {
    kind_named("regression"): {"pearson", "spearman", "mae", "rmse"},
    kind_named("multiple_choice"): {"accuracy"},
}
CUT_HERE = {("super_glue/boolq", "train"): 1000}
"""Real copies that are only the first rows of a split."""


@cache
def real(name: str) -> TaskData:
    """Return a task's real rows, of all splits that are at hand, or skip."""
    task = TASKS.get(name)
    folder = SHARED_DATA / (task.folder or task.name)
    wanted = [split for split in (task.train_split, task.evaluation_split) if split is not None]
    here = [split for split in wanted if name.startswith("demo") or (folder / f"{split}.jsonl").is_file()]
    if not here:
        pytest.skip(f"no real rows of {name} at {folder}")
    return load_task(name, data_root=SHARED_DATA, splits=here)


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_described_in_full(name: str) -> None:
    task = TASKS.get(name)
    assert task.name == name
    assert 1 <= len(task.text_columns) <= 2
    columns = (*task.text_columns, *task.choice_columns, task.label_column)
    assert len(set(columns)) == len(columns)
    assert len(set(task.labels)) == task.num_labels
    assert (task.num_labels >= 2) == (task.kind is kind_named("classification"))
    assert bool(task.choice_columns) == (task.kind is kind_named("multiple_choice"))
    assert task.main_metric == task.metrics[0]
    assert {task.train_split, task.evaluation_split} - {None} <= dict(task.num_rows).keys()
    assert task.row_format in FORMATS
    assert task.licence
    assert task.citation
    assert (task.source is None) == ("/" not in name)


@pytest.mark.parametrize("name", NAMES)
def test_metrics_fit_the_kind(name: str) -> None:
    task = TASKS.get(name)
    assert set(task.metrics) <= METRICS_OF_KIND.get(task.kind, set(KNOWN) - METRICS_OF_KIND[kind_named("regression")])
    assert task.num_labels == 2 or not set(task.metrics) & set(FOR_TWO_CLASSES)


@pytest.mark.parametrize("name", NAMES)
def test_a_hub_task_is_pinned_to_a_commit(name: str) -> None:
    source = TASKS.get(name).source
    assert source is None or re.fullmatch("[0-9a-f]{40}", source.revision)


def test_every_task_and_metric_is_documented() -> None:
    text = (REPOSITORY / "docs" / "tasks.md").read_text(encoding="utf-8")
    assert [name for name in (*NAMES, *KNOWN) if f"`{name}`" not in text] == []


@pytest.mark.parametrize(("name", "metric"), list(PAPER.items()))
def test_the_papers_tasks_are_there_with_its_metrics(name: str, metric: str) -> None:
    assert TASKS.get(name).main_metric == metric


def test_only_the_first_text_may_be_cut_and_that_is_the_long_one() -> None:
    # PAPER.md, section 3: QNLI against the order of its columns, BoolQ as (passage, question).
    assert TASKS.get("glue/qnli").text_columns == ("sentence", "question")
    assert TASKS.get("super_glue/boolq").text_columns == ("passage", "question")


@pytest.mark.parametrize(
    ("name", "source"),
    [("glue/mnli_mismatched", "glue/mnli"), ("super_glue/axb", "super_glue/rte"), ("super_glue/axg", "super_glue/rte")],
)
def test_a_task_without_training_rows_has_the_labels_of_one_that_has_some(name: str, source: str) -> None:
    task, trained = TASKS.get(name), TASKS.get(source)
    assert task.train_split is None
    assert (task.kind, task.labels) == (trained.kind, trained.labels)


@pytest.mark.real
@needs_shared_data
@pytest.mark.parametrize("name", NAMES)
def test_the_sizes_are_the_official_ones(name: str) -> None:
    data = real(name)
    for split, rows in data.splits.items():
        assert len(rows) == CUT_HERE.get((name, split), dict(data.task.num_rows)[split])


@pytest.mark.real
@needs_shared_data
@pytest.mark.parametrize("name", NAMES)
def test_the_rows_are_as_described(name: str) -> None:
    data = real(name)
    for rows in data.splits.values():
        assert rows.labels is not None
        require_labels(data.task, rows)
        num_texts = 0 if data.task.row_format == "copa" else len(data.task.text_columns)
        assert all(len(texts) == num_texts and all(text.strip() for text in texts) for texts in rows.texts)
        assert (rows.choices is not None) == (data.task.kind is kind_named("multiple_choice"))
        assert all(all(choice.strip() for choice in choices) for choices in rows.choices or ())
        assert (rows.spans is not None) == data.task.has_spans
        assert rows.groups is not None or not set(data.task.metrics) & set(BY_GROUP)


def require_labels(task: Task, rows: Split) -> None:
    assert rows.labels is not None
    if task.kind is kind_named("regression"):
        assert (min(rows.labels), max(rows.labels)) == (0.0, 5.0)
        assert all(isinstance(label, float) for label in rows.labels)
    else:
        num_answers = len(task.choice_columns) or task.num_labels
        assert set(rows.labels) == set(range(num_answers))


@pytest.mark.real
@needs_shared_data
@pytest.mark.parametrize("name", NAMES)
def test_the_right_answers_have_the_best_scores(name: str) -> None:
    data = real(name)
    rows = data.splits.get(data.task.evaluation_split)
    assert rows is not None
    right = data.task.kind.label_array(rows.labels or (), data.task.num_labels)
    scores = compute(data.task.metrics, right, right, rows.groups)
    # The pairs of AX-g have equal labels, so the right answers have full parity too.
    best = {metric: 0.0 if metric in ("mae", "rmse") else 1.0 for metric in data.task.metrics}
    assert scores == pytest.approx(best)


@pytest.mark.real
@needs_shared_data
def test_every_span_of_wic_holds_a_form_of_its_word() -> None:
    from headstart.tables.reading import read_table

    data = real("super_glue/wic")
    for split, rows in data.splits.items():
        words = read_table(SHARED_DATA / "super_glue" / "wic" / f"{split}.jsonl").columns["word"]
        assert rows.spans is not None
        forms = [
            (str(word), spanned(texts, span))
            for word, texts, spans in zip(words, rows.texts, rows.spans, strict=True)
            for span in spans
        ]
        assert all(form == form.strip() for _, form in forms)
        # Irregular forms ("went", "is") share no letters with their word: about one in a hundred.
        assert sum(form[:2].lower() == word[:2].lower() for word, form in forms) > 0.97 * len(forms)


@pytest.mark.real
@needs_shared_data
def test_every_span_of_wsc_is_the_text_that_it_is_said_to_be() -> None:
    from headstart.tables.reading import read_table

    data = real("super_glue/wsc")
    for split, rows in data.splits.items():
        columns = read_table(SHARED_DATA / "super_glue" / "wsc" / f"{split}.jsonl").columns
        assert rows.spans is not None
        for number, (texts, spans) in enumerate(zip(rows.texts, rows.spans, strict=True)):
            for place, span in enumerate(spans, 1):
                said = str(columns[f"span{place}_text"][number])
                assert folded(spanned(texts, span)) == folded(said)


def spanned(texts: tuple[str, ...], span: Span) -> str:
    return texts[span.text][span.begin : span.end]


def folded(text: str) -> str:
    return " ".join(text.casefold().split())


@pytest.mark.real
@needs_shared_data
@pytest.mark.parametrize("name", ["super_glue/wic", "super_glue/wsc"])
def test_without_its_marks_a_marked_text_is_the_plain_one(name: str) -> None:
    plain, marked = real(name), real(f"{name}_marked")
    for split, rows in plain.splits.items():
        assert rows.spans is not None
        others = marked.splits[split].texts
        for texts, marked_texts, spans in zip(rows.texts, others, rows.spans, strict=True):
            for span, mark in zip(spans, ("**" if len(texts) == 2 else "*#"), strict=True):
                text = marked_texts[span.text]
                assert spaceless(text) == spaceless(texts[span.text])
                marked_places = re.findall(rf"{re.escape(mark)} (.+?) {re.escape(mark)}", text, re.DOTALL)
                if mark not in texts[span.text]:
                    assert [spaceless(place) for place in marked_places] == [spaceless(spanned(texts, span))]


def spaceless(text: str) -> str:
    return re.sub(r"[\s*#]", "", text)


@pytest.mark.real
@needs_shared_data
def test_the_pairs_of_axg_differ_in_their_pronoun_only() -> None:
    rows = real("super_glue/axg").evaluation
    assert rows.groups is not None
    assert len(set(rows.groups)) == len(rows) // 2 == 178
    for first in range(0, len(rows), 2):
        assert rows.groups[first] == rows.groups[first + 1]
        before, after = (re.findall(r"\w+", rows.texts[row][0]) for row in (first, first + 1))
        changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
        assert {word.lower() for pair in changed for word in pair} <= {"he", "she", "his", "her", "him", "hers"}
