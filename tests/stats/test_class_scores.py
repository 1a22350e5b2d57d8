"""Each class's own scores, worked out by hand; and how they read."""

from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console

from headstart.cli.scores import class_table, constant_text, scores_text
from headstart.stats.class_scores import ClassScores, class_scores


def by_hand(names: list[str], right: list[set[int]], answered: list[set[int]]) -> list[ClassScores]:
    found = []
    for index, name in enumerate(names):
        both = sum(index in each and index in other for each, other in zip(right, answered, strict=True))
        num_rows, num_answered = (sum(index in each for each in side) for side in (right, answered))
        precision, recall = both / num_answered if num_answered else 0.0, both / num_rows if num_rows else 0.0
        f1 = 2 * precision * recall / (precision + recall) if both else 0.0
        scores = {"precision": precision, "recall": recall, "f1": f1}
        found.append(ClassScores(name=name, **scores, num_rows=num_rows, num_answered=num_answered))
    return found


def check(found: tuple[ClassScores, ...], expected: list[ClassScores]) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.name, ours.num_rows, ours.num_answered) == (theirs.name, theirs.num_rows, theirs.num_answered)
        scores = ((each.precision, each.recall, each.f1) for each in (ours, theirs))
        assert next(scores) == pytest.approx(next(scores))


def test_of_one_class_each_and_of_several() -> None:
    names = ["a", "b", "c", "never"]
    labels, decisions = [0, 0, 1, 2, 1, 0], [0, 1, 1, 1, 2, 0]
    check(
        class_scores(names, np.array(labels), np.array(decisions)),
        by_hand(names, [{each} for each in labels], [{each} for each in decisions]),
    )
    several, answered = [{0, 1}, set(), {2}, {1}], [{0}, {1}, {2, 0}, {1}]
    matrices = (np.array([[int(each in row) for each in range(4)] for row in rows]) for rows in (several, answered))
    check(class_scores(names, *matrices), by_hand(names, several, answered))


def printed(classes: list[ClassScores]) -> list[str]:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(class_table(classes))
    return capture.get().splitlines()


def test_of_many_classes_the_worst_are_shown() -> None:
    classes = [
        ClassScores(name=f"class {n}", precision=n / 30, recall=n / 30, f1=n / 30, num_rows=n, num_answered=1)
        for n in range(30)
    ]
    lines = printed(classes)
    assert lines[0].strip() == "the 20 of 30 classes with the lowest F1"
    assert [line.split()[1] for line in lines[2:]] == [str(n) for n in range(1, 21)]
    assert printed(classes[:2])[1].split() == ["class", "0", "0.0", "0.0", "0.0", "0", "1"]


def test_errors_keep_their_unit_beside_the_best_constant_answer() -> None:
    scores = {"pearson": 0.91, "spearman": 0.9, "mae": 312.34, "rmse": 400.0}
    assert scores_text(scores) == "pearson 91.00, spearman 90.00, mae 312.3, rmse 400"
    assert constant_text({**scores, "pearson": 0.0}) == ("the best constant answer: pearson 0.00, mae 312.3, rmse 400")
