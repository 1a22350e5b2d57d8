"""What groups are called: the task, told apart from its namesakes by what differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection

from headstart.comparison.cells import Question
from headstart.comparison.comparability import shown


def distinct_titles(questions: Collection[Question]) -> dict[Question, str]:
    """Return the title of each group, to stand beside its model's name: two tables of one name are told apart."""
    titles = {question: question.task for question in questions}
    for describe in (_metric, _split, _rows, _revision):
        _tell_apart(titles, describe, beside=lambda question: question.model)
    return titles


def distinct_names(titles: dict[Question, str]) -> dict[Question, str]:
    """Return titles that stand alone: where two groups differ in their model only, it is added."""
    names = dict(titles)
    _tell_apart(names, lambda question: question.model, beside=lambda question: "")
    return names


def _tell_apart(
    titles: dict[Question, str], describe: Callable[[Question], str], beside: Callable[[Question], str]
) -> None:
    """Add a description to equal titles for which it differs."""
    namesakes: defaultdict[tuple[str, str], list[Question]] = defaultdict(list)
    for question, title in titles.items():
        namesakes[title, beside(question)].append(question)
    for (title, _), questions in namesakes.items():
        if len({describe(question) for question in questions}) > 1:
            titles.update({question: f"{title}, {describe(question)}" for question in questions})


def _metric(question: Question) -> str:
    return question.metric


def _split(question: Question) -> str:
    return f"split {question.reported_split}"


def _rows(question: Question) -> str:
    if not question.rows:
        return "rows not recorded"
    train, *other = (shown("rows", part) for part in question.rows.split())
    return f"rows {train}" + "".join(f" and {each}" for each in other)


def _revision(question: Question) -> str:
    return f"model revision {shown('model_revision', question.model_revision)}"
