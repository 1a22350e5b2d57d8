"""`HeadstartClassifier` keeps scikit-learn's habits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import (
    check_do_not_raise_errors_in_init_or_set_params,
    check_estimator_cloneable,
    check_estimator_repr,
    check_estimator_tags_renamed,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)

import headstart as hs
from headstart.errors import UsageError
from tests.support.runs import tiny_rows

CheckpointMaker = Callable[..., Path]
TEXTS = [text for text, _ in tiny_rows(24)]
LABELS = np.array([("bad", "good")[label] for _, label in tiny_rows(24)])


@pytest.fixture
def classifier(tiny_checkpoint: CheckpointMaker) -> Any:
    model = str(tiny_checkpoint("bert"))
    return hs.HeadstartClassifier(model, strategy="eh_ft", steps=4, batch_size=4, max_length=24, precision="fp32")


CHECKS = [
    check_do_not_raise_errors_in_init_or_set_params,
    check_estimator_cloneable,
    check_estimator_repr,
    check_estimator_tags_renamed,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_parts_of_check_estimator_that_apply_to_text(check: Any, classifier: Any) -> None:
    check("HeadstartClassifier", clone(classifier))


def test_fit_and_predict(classifier: Any) -> None:
    assert classifier.fit(TEXTS, LABELS) is classifier
    assert classifier.classes_.tolist() == ["bad", "good"]
    probabilities = classifier.predict_proba(TEXTS)
    assert probabilities.shape == (24, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    predicted = classifier.predict(TEXTS)
    assert (predicted == classifier.classes_[probabilities.argmax(axis=1)]).all()
    assert classifier.score(TEXTS, LABELS) == np.mean(predicted == LABELS)
    assert [stage.name for stage in classifier.run_.stages] == ["adapter", "finetune"] or classifier.run_.num_steps == 4


def test_integer_labels_and_pairs(classifier: Any) -> None:
    pairs = [(text, "a cat") for text in TEXTS]
    labels = np.array([7 if label == "good" else 3 for label in LABELS])
    fitted = clone(classifier).set_params(strategy="finetune").fit(pairs, labels)
    assert set(fitted.predict(pairs)) <= {3, 7}
    with pytest.raises(ValueError, match="1 texts a row"):
        fitted.predict(TEXTS)


def test_the_same_random_state_gives_the_same_predictions(classifier: Any) -> None:
    first, second = (clone(classifier).fit(TEXTS, LABELS).predict_proba(TEXTS) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_cross_validation_and_grid_search(classifier: Any) -> None:
    probe = clone(classifier).set_params(strategy="linear_probe")
    assert len(cross_val_score(probe, TEXTS, LABELS, cv=2)) == 2
    search = GridSearchCV(probe, {"stage1_learning_rate": [1e-3, 1e-1]}, cv=2).fit(TEXTS, LABELS)
    assert search.best_params_["stage1_learning_rate"] in (1e-3, 1e-1)


def test_mistakes_are_said(classifier: Any) -> None:
    with pytest.raises(NotFittedError):
        classifier.predict(TEXTS)
    with pytest.raises(ValueError, match="only one class"):
        classifier.fit(TEXTS[:2], ["a", "a"])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier.fit(TEXTS, LABELS[:-1])
    with pytest.raises(ValueError, match="0 sample"):
        classifier.fit([], [])
    with pytest.raises(ValueError, match="collection of texts"):
        classifier.fit("one text", ["a", "b"])
    with pytest.raises(ValueError, match="must hold one text or two"):
        classifier.fit([1.5, 2.5], ["a", "b"])
    with pytest.raises(UsageError, match="did you mean 'lora'"):
        clone(classifier).set_params(adapter="lorra").fit(TEXTS, LABELS)


def test_several_classes_at_once(classifier: Any) -> None:
    y = np.array([[int("good" in text), int("cat" in text), 1] for text in TEXTS])
    fitted = clone(classifier).set_params(strategy="finetune").fit(TEXTS, y)
    assert fitted.predict(TEXTS).shape == (24, 3)
    probabilities = fitted.predict_proba(TEXTS)
    np.testing.assert_array_equal(fitted.predict(TEXTS), probabilities >= 0.5)
    assert fitted.score(TEXTS, y) == np.mean((fitted.predict(TEXTS) == y).all(axis=1))


def test_a_class_that_no_row_has_is_said(classifier: Any) -> None:
    chosen = np.stack([LABELS == "good", LABELS == "bad", LABELS == "neither"], axis=1).astype(int)
    with pytest.warns(UserWarning, match="no training row of '2': nothing of it can be learned"):
        clone(classifier).set_params(strategy="finetune").fit(TEXTS, chosen)


def test_numbers(tiny_checkpoint: CheckpointMaker) -> None:
    values = np.array([text.count(" ") + 0.5 for text in TEXTS])
    regressor = hs.HeadstartRegressor(
        str(tiny_checkpoint("bert")), strategy="finetune", steps=150, batch_size=8, learning_rate=3e-3, precision="fp32"
    )
    predicted = regressor.fit(TEXTS, values).predict(TEXTS)
    assert predicted.shape == (24,)
    assert np.corrcoef(predicted, values)[0, 1] > 0.5
    with pytest.raises(ValueError, match="NaN or infinity"):
        regressor.fit(TEXTS, [float("nan"), *values[1:]])


def test_tables_of_texts(classifier: Any) -> None:
    from datasets import Dataset

    pandas = pytest.importorskip("pandas")
    short = clone(classifier).set_params(strategy="linear_probe").fit(TEXTS, LABELS)
    expected = short.predict_proba(TEXTS)
    for table in (
        pandas.Series(TEXTS),
        pandas.DataFrame({"text": TEXTS}),
        Dataset.from_dict({"text": TEXTS}),
        np.array(TEXTS),
    ):
        np.testing.assert_array_equal(short.predict_proba(table), expected)


def test_options_of_loss_and_length_reach_the_run(classifier: Any) -> None:
    with pytest.raises(UsageError, match="did you mean 'focal'"):
        clone(classifier).set_params(loss="focl").fit(TEXTS, LABELS)
    windows = clone(classifier).set_params(strategy="finetune", max_length=8, long="window", class_weight="balanced")
    assert windows.fit(TEXTS, LABELS).predict(TEXTS).shape == (24,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": "4"},
        {"steps": 2.5},
        {"learning_rate": "1e-5"},
        {"epochs": float("inf")},
        {"batch_size": True},
        {"strategy": None},
        {"adapter": 3},
        {"trainer": {"weight_decay": 0.1}},
        {"random_state": "seven"},
        {"random_state": True},
        {"class_weight": 3.0},
    ],
    ids=str,
)
def test_a_value_of_a_wrong_type_is_refused_by_the_name_of_its_field(wrong: dict[str, Any]) -> None:
    ((name, _),) = wrong.items()
    with pytest.raises(UsageError, match=f"^`{name}` was given as"):
        hs.HeadstartClassifier(**wrong).fit(TEXTS, LABELS)


def test_numbers_of_numpy_are_numbers(classifier: Any) -> None:
    several = clone(classifier).set_params(steps=np.int64(2), random_state=np.int64(1), trainer="weight_decay=0.1")
    assert several.fit(TEXTS, LABELS).run_.num_steps == 2


def test_half_of_a_character_is_refused_with_its_row(classifier: Any) -> None:
    texts = [*TEXTS[:-1], "x \ud83d"]
    with pytest.raises(ValueError, match=r"X\[23\] holds half of a character"):
        classifier.fit(texts, LABELS)
    classifier.fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match=r"X\[23\] holds half of a character"):
        classifier.predict(texts)


def test_a_regressor_answers_in_the_unit_of_y(tiny_checkpoint: CheckpointMaker) -> None:
    """The same numbers in another unit are learned alike."""
    texts = [f"{word} dog runs" for word in ("bad", "good", "big", "old") * 4]
    numbers = np.arange(16) % 4 + 0.5
    answers = []
    for offset, size in ((0.0, 1.0), (250_000.0, 10_000.0)):
        model = hs.HeadstartRegressor(
            str(tiny_checkpoint("bert")), strategy="finetune", steps=6, batch_size=4, max_length=32, precision="fp32"
        )
        answers.append((model.fit(texts, offset + size * numbers).predict(texts) - offset) / size)
    np.testing.assert_allclose(answers[1], answers[0], atol=5e-3)


def test_what_a_search_takes_is_refused_beside_a_named_strategy(classifier: Any) -> None:
    for options in ({"time_limit": "10m"}, {"plain_folder": True}):
        with pytest.raises(UsageError, match=f"`{next(iter(options))}` would have no effect"):
            clone(classifier).set_params(**options).fit(TEXTS, LABELS)
    for limit in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="`time_limit` was given as"):
            clone(classifier).set_params(strategy="auto", adapter=None, steps=None, time_limit=limit).fit(TEXTS, LABELS)
