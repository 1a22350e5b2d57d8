"""What the page of a fit says, against scikit-learn and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import classification_report, confusion_matrix

from headstart.kinds.catalogue import kind_named
from headstart.reports.fit.classes import class_scores, confusions
from headstart.reports.fit.facts import AnsweredRows, CurvePoint
from headstart.reports.fit.mistakes import mistakes
from headstart.reports.fit.page import build_fit_page
from headstart.reports.fit.words import curve_sentence
from headstart.stats.intervals import Interval
from tests.support.fit_facts import CLASSES, make_facts, rows_of

CLASSIFICATION, MULTI_LABEL = kind_named("classification"), kind_named("multi_label")


@pytest.mark.parametrize("kind", ["classification", "multi_label"])
def test_classes_score_as_scikit_learn_says(kind: str) -> None:
    rows, names = rows_of(kind, 80, wrong=9), list(CLASSES)
    expected = classification_report(
        rows.labels, rows.decisions(kind_named(kind)), target_names=names, output_dict=True, zero_division=0.0
    )
    found = class_scores(rows, kind_named(kind), names)
    assert [each.f1 for each in found] == sorted(expected[name]["f1-score"] for name in names)
    for each in found:
        other = expected[each.name]
        assert (each.precision, each.recall, each.num_rows) == (
            pytest.approx(other["precision"]),
            pytest.approx(other["recall"]),
            other["support"],
        )


def test_confusions_are_scikit_learns() -> None:
    rows = rows_of("classification", 80, wrong=9)
    expected = confusion_matrix(rows.labels, rows.decisions(CLASSIFICATION), labels=range(3))
    assert (confusions(rows, CLASSIFICATION, 3) == expected).all()


def test_a_class_without_rows_comes_last_and_has_no_score() -> None:
    rows = AnsweredRows(numbers=range(3), texts=[("a",)] * 3, labels=np.array([0, 0, 1]), answers=np.eye(3)[[0, 1, 1]])
    found = class_scores(rows, CLASSIFICATION, CLASSES)
    assert [(each.name, each.f1) for each in found] == [
        ("angry", pytest.approx(2 / 3)),
        ("calm", pytest.approx(2 / 3)),
        ("glad", None),
    ]
    assert [each.mistaken_for for each in found] == ["calm (1)", "", ""]
    assert (found[2].precision, found[2].recall) == (None, None)


def test_mistakes_begin_with_the_surest() -> None:
    answers = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]])
    rows = AnsweredRows(numbers=[7, 8, 9, 10], texts=[("a",)] * 4, labels=np.array([0, 0, 0, 1]), answers=answers)
    found = mistakes(rows, CLASSIFICATION, ("no", "yes"))
    assert [(each.number, each.label, each.answer, each.size) for each in found] == [
        (9, "no", "yes", "80.0 %"),
        (10, "yes", "no", "70.0 %"),
        (8, "no", "yes", "60.0 %"),
    ]


def test_mistakes_of_sets_and_numbers() -> None:
    sets = AnsweredRows(
        numbers=range(2),
        texts=[("a",)] * 2,
        labels=np.array([[1, 0], [1, 1]]),
        answers=np.array([[0.8, 0.1], [0.1, 0.6]]),
    )
    (found,) = mistakes(sets, MULTI_LABEL, ("no", "yes"))
    assert (found.label, found.answer, found.size) == ("no, yes", "yes", "90.0 %")
    numbers = AnsweredRows(
        numbers=range(3), texts=[("a",)] * 3, labels=np.array([1.0, 2.0, 3.0]), answers=np.array([[1.5], [2.0], [1.0]])
    )
    found_numbers = mistakes(numbers, kind_named("regression"), ())
    assert [(each.number, each.size) for each in found_numbers] == [(2, "2"), (0, "0.5")]


@pytest.mark.parametrize(
    ("metric", "scores", "width", "words"),
    [
        ("accuracy", (0.80, 0.79), 0.01, "not likely to help"),
        ("accuracy", (0.70, 0.80), 0.02, "likely to help"),
        ("accuracy", (0.79, 0.80), 0.02, "open whether"),
        ("rmse", (2.0, 1.0), 0.1, "likely to help"),
        ("rmse", (1.0, 1.2), 0.1, "not likely to help"),
    ],
)
def test_the_curve_says_whether_more_labels_help(
    metric: str, scores: tuple[float, float], width: float, words: str
) -> None:
    points = [
        CurvePoint(
            num_rows=rows, score=score, interval=Interval(low=score - width, high=score + width, confidence=0.95)
        )
        for rows, score in zip((100, 200), scores, strict=True)
    ]
    sentence = curve_sentence(metric, points)
    assert words in sentence
    assert "From 100 to 200 training rows" in sentence
    assert curve_sentence(metric, points[:1]) == ""


def test_a_curve_without_intervals_says_nothing_of_more_labels() -> None:
    """As where all scored rows are of one group: a rise may be chance."""
    points = [CurvePoint(num_rows=rows, score=score, interval=None) for rows, score in ((100, 0.8), (200, 0.9))]
    assert curve_sentence("accuracy", points).endswith("so it is open whether more labels would help.")


def test_every_kind_has_what_makes_sense_for_it() -> None:
    pages = {kind: build_fit_page(make_facts(kind)) for kind in ("classification", "multi_label", "regression")}
    has = {kind: (bool(page.classes), page.answers_figure, page.calibration) for kind, page in pages.items()}
    assert has["classification"][0]
    assert None not in has["classification"]
    assert has["multi_label"][0]
    assert has["multi_label"][1] is None
    assert has["multi_label"][2] is not None
    assert not has["regression"][0]
    assert has["regression"][1] is not None
    assert has["regression"][2] is None


def test_the_page_says_how_often_out_of_fold_answers_are_the_labels() -> None:
    assert build_fit_page(make_facts()).agreement == "97 %"  # 4 of 120 labels were changed
    assert build_fit_page(make_facts("regression")).agreement == ""


def test_calibration_of_sets_counts_each_yes_and_no() -> None:
    rows = AnsweredRows(numbers=range(1), texts=[("a",)], labels=np.array([[1, 0]]), answers=np.array([[0.75, 0.75]]))
    page = build_fit_page(make_facts("multi_label", 2, held_out=rows, class_names=("no", "yes")))
    assert page.calibration is not None
    assert page.calibration.expected_error == pytest.approx(0.25)
