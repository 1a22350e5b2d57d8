"""How rows become examples: one function per format, by the name that a task gives.

A format reads one row and says what is wrong with it; columns, labels and whole tables are read here for all of them.
Another format is another entry of `FORMATS`, and another kind of row another line of a task.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headstart.data.examples import Span, Split
from headstart.errors import DataError, DataFault
from headstart.kinds.kind import Label
from headstart.registry import Registry
from headstart.tables.table import Table
from headstart.tasks.task import Task

Row = Mapping[str, object]
COPA_WORDS = {"cause": "because", "effect": "so"}
"""What stands between a premise and its cause or effect."""
WORDS_BESIDE = (0, 1, -1)
"""Where the first word of a span may be, seen from the word that a row names: official rows are wrong by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One example, as a `Split` has it."""

    texts: tuple[str, ...]
    choices: tuple[str, ...] = ()
    spans: tuple[Span, Span] | None = None
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFormat:
    """A way to read rows.

    Attributes:
        read: makes an example of a row; a `ValueError` says what is wrong with the row.
        columns: that it needs beside the task's own.
    """

    read: Callable[[Task, Row], Example]
    columns: tuple[str, ...] = ()


def read_split(task: Task, table: Table, *, labelled: bool = True) -> Split:
    """Return the examples of a table.

    Args:
        task: says columns, format and labels. Labels are as the hub has them: indices, or numbers for regression.
        table: the rows.
        labelled: False for rows whose labels are hidden; empty texts, which some test rows have, pass there.

    Raises:
        DataError: with the faults of all rows, each with its line.
    """
    row_format = FORMATS.get(task.row_format)
    labels_column = (task.label_column,) if labelled else ()
    wanted = dict.fromkeys((*task.text_columns, *task.choice_columns, *row_format.columns, *labels_column))
    missing = [table.fault(f"has no column {name!r}") for name in wanted if name not in table.columns]
    if table.faults or missing:
        raise DataError([*table.faults, *(missing if table.columns else ())])
    columns = [table.columns[name] for name in wanted]
    faults: list[DataFault] = []
    examples: list[Example] = []
    labels: list[Label] = []
    for number, values in enumerate(zip(*columns, strict=True)):
        row = dict(zip(wanted, values, strict=True))
        try:
            example = row_format.read(task, row)
            if labelled:
                _require_filled(row)
                size = len(example.choices) if task.kind.has_choices else task.num_labels
                labels.append(task.kind.indexed_label(row[task.label_column], size))
            if task.has_spans and example.spans is None:
                raise ValueError("it marks no two places, and the model reads them")
            examples.append(example)
        except ValueError as error:
            faults.append(table.fault(str(error), number))
    if faults:
        raise DataError(faults)
    return _split(task, examples, tuple(labels) if labelled else None)


def _split(task: Task, examples: list[Example], labels: tuple[Label, ...] | None) -> Split:
    has_groups = any(example.group for example in examples)
    return Split.of(
        texts=tuple(example.texts for example in examples),
        labels=labels,
        choices=tuple(each.choices for each in examples) if task.kind.has_choices else None,
        spans=tuple(each.spans for each in examples if each.spans) if task.has_spans else None,
        groups=tuple(example.group for example in examples) if has_groups else None,
    )


def _require_filled(row: Row) -> None:
    for name, value in row.items():
        if isinstance(value, str) and not value.strip():
            raise ValueError(f"{name!r} is empty")


def _texts(task: Task, row: Row) -> Example:
    return Example(
        texts=tuple(_text(row, name) for name in task.text_columns),
        choices=trimmed_choices({name: row[name] for name in task.choice_columns}),
    )


def trimmed_choices(values: Mapping[str, object]) -> tuple[str, ...]:
    """Return the choices of a row by column: the last may be missing, where examples differ in their number.

    Raises:
        ValueError: if one before the last is missing, or fewer than two are left.
    """
    choices = list(values.values())
    while choices and (choices[-1] is None or choices[-1] == ""):
        choices.pop()
    for name, choice in zip(values, choices, strict=False):
        if not isinstance(choice, str) or not choice.strip():
            raise ValueError(f"the choice {name!r} is missing, though one after it is not: {choice!r}")
    if values and len(choices) < 2:
        raise ValueError(f"has {len(choices)} choices of {', '.join(values)}; two are needed")
    return tuple(str(choice) for choice in choices)


def _copa(task: Task, row: Row) -> Example:
    """Each choice is the whole sentence: premise without its stop, because or so, choice with a small first letter.

    Source: the official code of Yang et al. (EMNLP 2022).
    """
    question = _text(row, "question")
    if question not in COPA_WORDS:
        raise ValueError(f"'question' is {question!r}, and neither 'cause' nor 'effect'")
    premise = _text(row, "premise").strip().removesuffix(".")
    choices = [_text(row, name).strip() for name in task.choice_columns]
    sentences = [f"{premise} {COPA_WORDS[question]} {choice[:1].lower()}{choice[1:]}" for choice in choices]
    return Example(texts=(), choices=tuple(sentences))


def _multirc(task: Task, row: Row) -> Example:
    """The paragraph, and question and answer as one text; the answers to one question are a group."""
    paragraph, question, answer = (_text(row, name) for name in (*task.text_columns, "answer"))
    index = row["idx"]
    if not isinstance(index, dict) or not {"paragraph", "question"} <= index.keys():
        raise ValueError(f"'idx' is {index!r}, and does not name paragraph and question")
    return Example(texts=(paragraph, f"{question} {answer}"), group=f"{index['paragraph']}/{index['question']}")


def _axg(task: Task, row: Row) -> Example:
    """Two rows that follow one another differ in a pronoun only: a group."""
    return Example(texts=tuple(_text(row, name) for name in task.text_columns), group=str(_whole(row, "idx") // 2))


def _wic(task: Task, row: Row) -> Example:
    texts = tuple(_text(row, name) for name in task.text_columns)
    first, second = (
        _span(number, text, _whole(row, f"start{number + 1}"), _whole(row, f"end{number + 1}"))
        for number, text in enumerate(texts)
    )
    return Example(texts=texts, spans=(first, second))


def _wsc(task: Task, row: Row) -> Example:
    (name,) = task.text_columns
    text = _text(row, name)
    first, second = (_word_span(text, _whole(row, f"span{n}_index"), _text(row, f"span{n}_text")) for n in (1, 2))
    return Example(texts=(text,), spans=(first, second))


def _marked(read: Callable[[Task, Row], Example]) -> Callable[[Task, Row], Example]:
    """Return a format whose places are marked inside the texts, for heads that read no spans: * so *, or # so #.

    The hash marks the second of two places in one text.

    Source: Raffel et al. (JMLR 2020), T5, appendix B, which marks WSC so.
    """

    def marked(task: Task, row: Row) -> Example:
        example = read(task, row)
        assert example.spans is not None
        first, second = example.spans
        marks = ((first, "*"), (second, "#" if first.text == second.text else "*"))
        texts = (_with_marks(text, number, marks) for number, text in enumerate(example.texts))
        return Example(texts=tuple(texts))

    return marked


def _with_marks(text: str, number: int, marks: tuple[tuple[Span, str], ...]) -> str:
    """Return a text with the marks of its spans, which may lie inside one another."""
    here = [(span, mark) for span, mark in marks if span.text == number]
    insertions = [(span.begin, f"{mark} ") for span, mark in here] + [(span.end, f" {mark}") for span, mark in here]
    for place, mark in sorted(insertions, reverse=True):
        text = text[:place] + mark + text[place:]
    return text


def _span(number: int, text: str, begin: int, end: int) -> Span:
    if not 0 <= begin < end <= len(text) or not text[begin:end].strip():
        raise ValueError(f"the span {begin} to {end} is not a place in its text of {len(text)} characters: {text!r}")
    return Span(text=number, begin=begin, end=end)


def _word_span(text: str, index: int, place: str) -> Span:
    """Return the place of a span that is given by its text and by the number of its first word, counted at spaces.

    Case and the width of spaces may differ, and quotes and brackets may stand before the span.
    """
    begins = [word.start() for word in re.finditer(r"\S+", text)]
    if not 0 <= index < len(begins):
        raise ValueError(f"the word {index} of the span {place!r} is outside its text of {len(begins)} words")
    words = r"\s+".join(map(re.escape, place.split()))
    wanted = re.compile(rf"[^\w\s]*({words})(?!\w)", re.IGNORECASE)
    for beside in WORDS_BESIDE:
        number = index + beside
        found = wanted.match(text, begins[number]) if words and 0 <= number < len(begins) else None
        if found is not None:
            return Span(text=0, begin=found.start(1), end=found.end(1))
    there = text[begins[index] :][:40]
    raise ValueError(f"the span {place!r} does not stand at word {index}, where its text says {there!r}")


def _text(row: Row, name: str) -> str:
    value = row[name]
    if not isinstance(value, str):
        raise ValueError(f"{name!r} is not text but {value!r}")
    return value


def _whole(row: Row, name: str) -> int:
    value = row[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name!r} is not a whole number but {value!r}")
    return value


WIC_COLUMNS = ("start1", "end1", "start2", "end2")
WSC_COLUMNS = ("span1_index", "span1_text", "span2_index", "span2_text")

FORMATS: Registry[RowFormat] = Registry("row format")
FORMATS.add("texts", RowFormat(read=_texts))
FORMATS.add("copa", RowFormat(read=_copa, columns=("question",)))
FORMATS.add("multirc", RowFormat(read=_multirc, columns=("answer", "idx")))
FORMATS.add("axg", RowFormat(read=_axg, columns=("idx",)))
FORMATS.add("wic", RowFormat(read=_wic, columns=WIC_COLUMNS))
FORMATS.add("wic_marked", RowFormat(read=_marked(_wic), columns=WIC_COLUMNS))
FORMATS.add("wsc", RowFormat(read=_wsc, columns=WSC_COLUMNS))
FORMATS.add("wsc_marked", RowFormat(read=_marked(_wsc), columns=WSC_COLUMNS))
