"""A tiny task of each kind, whose answers stand in the texts."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.data.examples import Span, Split, TaskData
from headstart.experiments.experiment import TaskSource
from headstart.experiments.task_rows import TaskRows
from headstart.kinds.catalogue import kind_named
from headstart.kinds.kind import Label
from headstart.seeding import numpy_generator
from headstart.tasks.task import Task
from tests.support.runs import stored

OTHER_WORDS = ("king", "queen", "tree", "river", "stone", "child", "woman", "town")
NUM_TRAIN, NUM_VALIDATION = 24, 10

TASKS = {
    "multi_label": Task(
        name="tiny",
        kind=kind_named("multi_label"),
        text_columns=("text",),
        label_column="labels",
        labels=("cat", "dog", "fish"),
        metrics=("micro_f1", "macro_f1", "accuracy"),
    ),
    "regression": Task(
        name="tiny",
        kind=kind_named("regression"),
        text_columns=("text",),
        label_column="score",
        metrics=("pearson", "spearman", "mae", "rmse"),
    ),
    "multiple_choice": Task(
        name="tiny",
        kind=kind_named("multiple_choice"),
        text_columns=("text",),
        choice_columns=("a", "b", "c"),
        label_column="right",
        metrics=("accuracy",),
    ),
    "spans": Task(
        name="tiny", text_columns=("text", "other"), label_column="same", labels=("no", "yes"), has_spans=True
    ),
    "many_classes": Task(
        name="tiny", text_columns=("text",), label_column="animal", labels=("cat", "dog", "fish", "bird")
    ),
}


def kind_source(name: str) -> TaskSource:
    """Return the source of the tiny task of this kind."""
    rows = [_row(name, index) for index in range(NUM_TRAIN + NUM_VALIDATION)]
    splits = {
        "train": _split(name, rows[:NUM_TRAIN]),
        "validation": _split(name, rows[NUM_TRAIN:]),
    }
    return stored(TASKS[name], splits)


def kind_data(name: str) -> TaskData:
    """Return its rows."""
    return TaskRows().of(kind_source(name))


def rows_of_several(num_rows: int, seed: int) -> Split:
    """Return rows of the multi-label task whose classes stand in their texts, each in two of five rows."""
    generator, names = numpy_generator(seed, "several"), TASKS["multi_label"].labels
    classes = [tuple(place for place in range(3) if generator.random() < 0.4) for _ in range(num_rows)]
    texts = [" ".join([*generator.choice(OTHER_WORDS, size=5), *(names[place] for place in each)]) for each in classes]
    return Split.of(texts=tuple((text,) for text in texts), labels=tuple(classes))


def _row(name: str, index: int) -> tuple[tuple[str, ...], Label, tuple[str, ...], tuple[Span, Span]]:
    generator = numpy_generator(index, "subsample")
    words = [str(word) for word in generator.choice(OTHER_WORDS, size=int(generator.integers(3, 9)))]
    no_spans = (Span(text=0, begin=0, end=1), Span(text=0, begin=0, end=1))
    if name == "multi_label":
        classes = tuple(number for number in range(3) if generator.random() < 0.5)
        return (" ".join([*words, *(TASKS[name].labels[number] for number in classes)]),), classes, (), no_spans
    if name == "regression":
        number = index % 5
        return (" ".join([*words, *["good"] * number]),), number + 0.5, (), no_spans
    if name == "multiple_choice":
        # Two each in the training rows, as in COPA: the bias of the one logit then cancels to exactly nothing.
        choices = [f"bad {word}" for word in words[: 2 if index < NUM_TRAIN else 2 + index % 2]]
        right = index % len(choices)
        choices[right] = choices[right].replace("bad", "good")
        return (" ".join(words),), right, tuple(choices), no_spans
    if name == "spans":
        first, second = words[0], words[0] if index % 2 else "cat"
        other = f"the {second} {' '.join(words[1:])}"
        spans = (Span(text=0, begin=0, end=len(first)), Span(text=1, begin=4, end=4 + len(second)))
        return (" ".join(words), other), index % 2, (), spans
    animal = TASKS[name].labels[index % 4]
    return (" ".join([*words, animal]),), index % 4, (), no_spans


def _split(name: str, rows: Sequence[tuple[tuple[str, ...], Label, tuple[str, ...], tuple[Span, Span]]]) -> Split:
    return Split.of(
        texts=tuple(row[0] for row in rows),
        labels=tuple(row[1] for row in rows),
        choices=tuple(row[2] for row in rows) if name == "multiple_choice" else None,
        spans=tuple(row[3] for row in rows) if name == "spans" else None,
    )
