"""Estimators take parameters, texts and labels as Python programs have them, or say in a sentence why not."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import headstart as hs
from headstart.errors import UsageError
from headstart.estimators.parameters import read_parameters, read_seed
from headstart.estimators.targets import read_classes, read_numbers
from headstart.estimators.texts import column_names, read_texts
from tests.support.runs import tiny_rows

CheckpointMaker = Callable[..., Path]
TEXTS = [text for text, _ in tiny_rows(16)]
LABELS = [("bad", "good")[label] for _, label in tiny_rows(16)]
PAIRS = [(text, "a cat") for text in TEXTS]


@pytest.fixture
def classifier(tiny_checkpoint: CheckpointMaker) -> Any:
    return hs.HeadstartClassifier(
        tiny_checkpoint("bert"), strategy="linear_probe", steps=2, batch_size=8, max_length=24, precision="fp32"
    )


# Parameters


def options_of(folder: Path, **given: Any) -> Any:
    estimator = hs.HeadstartClassifier(**given)
    return read_parameters(estimator.get_params(), ["bad", "good"], folder).training


def test_numbers_of_numpy_and_paths(classifier: Any, tmp_path: Path) -> None:
    given: dict[str, Any] = {"steps": np.int32(2), "label_smoothing": np.float32(0.5), "stage1_on_top": np.bool_(True)}
    read = options_of(tmp_path, **given, adapter_from=tmp_path, trainer=np.array(["weight_decay=0.5"]))
    assert (read.steps, read.label_smoothing, read.stage1_on_top, read.adapter_from) == (2, 0.5, True, tmp_path)
    assert [type(value) for value in (read.steps, read.label_smoothing)] == [int, float]
    search = GridSearchCV(classifier, {"batch_size": np.array([8, 16]), "random_state": np.arange(1)}, cv=2)
    assert search.fit(TEXTS, LABELS).best_params_["batch_size"] in (8, 16)


def test_weights_by_class(classifier: Any) -> None:
    def answers(weights: Any, y: Any = LABELS) -> Any:
        return clone(classifier).set_params(class_weight=weights).fit(TEXTS, y).predict_proba(TEXTS)

    heavy = answers({"bad": 1.0, "good": np.float64(20.0)})
    assert (heavy[:, 1] > answers(None)[:, 1]).all()
    np.testing.assert_array_equal(answers({"good": 20}), heavy)
    np.testing.assert_array_equal(answers({1: 20}, [int(label == "good") for label in LABELS]), heavy)
    with pytest.raises(UsageError, match=r"(?s)a weight for 'god', which is no class of y.*'bad', 'good'"):
        answers({"god": 1.0})
    with pytest.raises(UsageError, match="the weight of 'bad' is -1"):
        answers({"bad": -1})


def test_weights_by_row(classifier: Any) -> None:
    def answers(weights: Any, texts: list[str] = TEXTS, labels: list[str] = LABELS) -> Any:
        return clone(classifier).fit(texts, labels, sample_weight=weights).predict_proba(TEXTS)

    heavy = answers([20.0 if label == "good" else 1.0 for label in LABELS])
    assert (heavy[:, 1] > answers(None)[:, 1]).all()
    np.testing.assert_array_equal(answers([0] * 4 + [3] * 12), answers(None, TEXTS[4:], LABELS[4:]))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0] * 15, "sample_weight has 15 values, and X has 16 rows"),
        ([1.0, -1.0, *[1.0] * 14], r"sample_weight\[1\] is -1.0"),
        ([float("nan"), *[1.0] * 15], r"sample_weight\[0\] is nan"),
        ([0.0] * 16, "sample_weight is 0 everywhere"),
    ],
)
def test_weights_that_cannot_be_used(weights: list[float], message: str, classifier: Any) -> None:
    with pytest.raises(ValueError, match=message):
        classifier.fit(TEXTS, LABELS, sample_weight=weights)


def test_seeds_as_scikit_learn_has_them() -> None:
    assert read_seed(np.int64(7)) == 7
    np.random.seed(5)
    drawn = [read_seed(None), read_seed(None)]
    state = np.random.RandomState(5)
    assert drawn == [read_seed(state), read_seed(state)]
    assert drawn[0] != drawn[1]
    generator = np.random.default_rng(5)
    assert read_seed(generator) == np.random.default_rng(5).integers(2**31)
    assert read_seed(generator) != np.random.default_rng(5).integers(2**31)


def test_each_fit_without_a_seed_is_another(classifier: Any) -> None:
    unseeded = clone(classifier).set_params(random_state=None)
    np.random.seed(3)
    first, second = (unseeded.fit(TEXTS, LABELS).predict_proba(TEXTS) for _ in range(2))
    assert not np.array_equal(first, second)
    np.random.seed(3)
    np.testing.assert_array_equal(unseeded.fit(TEXTS, LABELS).predict_proba(TEXTS), first)
    assert clone(classifier).set_params(random_state=np.random.RandomState(1)).fit(TEXTS, LABELS).run_.seed >= 0


# Texts


def test_arrow_holds_texts_and_labels() -> None:
    pa = pytest.importorskip("pyarrow")
    plain = tuple((text,) for text in TEXTS)
    chunked = pa.chunked_array([TEXTS[:5], TEXTS[5:]])
    for column in (pa.array(TEXTS), chunked, pa.table({"text": TEXTS}), pa.array(TEXTS).dictionary_encode()):
        assert read_texts(column) == plain
    assert read_texts(pa.table({"a": TEXTS, "b": LABELS})) == tuple(zip(TEXTS, LABELS, strict=True))
    expected = read_classes(LABELS)
    for column in (pa.array(LABELS), pa.chunked_array([LABELS[:3], LABELS[3:]]), pa.array(LABELS).dictionary_encode()):
        assert read_classes(column).labels == expected.labels
    assert read_numbers(pa.array([1.5, 2.0])).labels == (1.5, 2.0)
    sets = read_classes(pa.table({"a": [1, 0, 1], "b": [0, 0, 1]}))
    assert (sets.labels, sets.names) == (((0,), (), (0, 1)), ("a", "b"))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a cat", "", "a dog"], r"X\[1\] is an empty text"),
        ([("a cat", "a dog"), ("a cat", " \t")], r"X\[1\] is an empty text"),
        (["a cat", "a \ud800 dog"], r"X\[1\] .*half"),
        (["a cat", None], r"found \(None,\) in row 1"),
        (["a cat", ("a", "b")], "rows of X differ in length: row 1 has 2 texts"),
    ],
)
def test_texts_that_nobody_can_read(texts: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_texts(texts)


def test_names_of_columns_are_found_in_every_table() -> None:
    from datasets import Dataset

    pandas, pa = (pytest.importorskip(name) for name in ("pandas", "pyarrow"))
    columns: dict[str, list[str]] = {"premise": ["a", "b"], "hypothesis": ["c", "d"]}
    rows = [{"premise": "a", "hypothesis": "c"}, {"premise": "b", "hypothesis": "d"}]
    for table in (pandas.DataFrame(columns), pa.table(columns), Dataset.from_dict(columns), rows):
        assert column_names(table) == ["premise", "hypothesis"]
        assert read_texts(table) == (("a", "c"), ("b", "d"))
    for table in (pandas.DataFrame([["a", "b"]]), pandas.Series(["a"]), ["a"], [("a", "b")], np.array([["a", "b"]])):
        assert column_names(table) is None


def test_names_of_columns_are_kept_and_held(classifier: Any) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(PAIRS, columns=["premise", "hypothesis"])
    fitted = classifier.fit(table, LABELS)
    assert fitted.n_features_in_ == 2
    assert fitted.feature_names_in_.tolist() == ["premise", "hypothesis"]
    np.testing.assert_array_equal(fitted.predict_proba(table), fitted.predict_proba(PAIRS))
    with pytest.raises(ValueError, match=r"(?s)names should match.*premise, hypothesis\. Given: hypothesis, premise"):
        fitted.predict(table[["hypothesis", "premise"]])
    with pytest.raises(ValueError, match="names should match"):
        fitted.predict(table.assign(label=LABELS))
    assert not hasattr(fitted.fit(TEXTS, LABELS), "feature_names_in_")
    assert fitted.n_features_in_ == 1


def test_a_column_of_labels_in_the_texts_is_refused(classifier: Any) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"text": TEXTS, "label": LABELS})
    with pytest.raises(ValueError, match="the column 'label' of X is y itself: leave it out"):
        classifier.fit(table, table["label"])
    with pytest.raises(ValueError, match="the column number 0 of X is y itself"):
        classifier.fit([(str(index % 2), text) for index, text in enumerate(TEXTS)], [i % 2 for i in range(len(TEXTS))])
    with pytest.raises(ValueError, match="one text or two in every row"):
        classifier.fit(table.assign(label=0), LABELS)


# Labels


def test_several_classes_in_any_matrix(classifier: Any) -> None:
    pandas = pytest.importorskip("pandas")
    chosen = np.array([[int("good" in text), int("cat" in text), 1] for text in TEXTS])
    expected = read_classes(chosen)
    for matrix in (
        scipy.sparse.csr_matrix(chosen),
        scipy.sparse.coo_array(chosen),
        chosen.astype(bool),
        chosen.astype(float),
    ):
        assert read_classes(matrix).labels == expected.labels
    fitted = clone(classifier).fit(TEXTS, pandas.DataFrame(chosen, columns=["good", "cat", "any"]))
    assert fitted.classes_.tolist() == ["good", "cat", "any"]
    assert fitted.predict(TEXTS).shape == (16, 3)
    assert fitted.score(TEXTS, scipy.sparse.csr_matrix(chosen)) >= 0
    assert read_classes(chosen).classes.tolist() == [0, 1, 2]


@pytest.mark.parametrize("missing", [None, float("nan"), "pandas.NA"])
def test_labels_that_are_missing(missing: Any) -> None:
    pandas = pytest.importorskip("pandas")
    missing = pandas.NA if missing == "pandas.NA" else missing
    for labels in (["a", "b", missing], [1, 0, missing]):
        for holder in (labels, np.array(labels, dtype=object), pandas.Series(labels, dtype=object)):
            with pytest.raises(ValueError, match="row 2 of y has no label"):
                read_classes(holder)
    with pytest.raises(ValueError, match="row 1 of y has no label"):
        read_numbers([1.0, None])


def test_labels_that_cannot_be_sorted_together() -> None:
    with pytest.raises(ValueError, match="y holds labels"):
        read_classes(np.array(["a", 1, "b"], dtype=object))


# What is left of a training


def test_a_model_that_says_the_same_of_all_texts_is_warned_of(classifier: Any) -> None:
    collapsed = clone(classifier).set_params(strategy="finetune", learning_rate=5.0, steps=6)
    with pytest.warns(UserWarning, match="every answer is the same") as found:
        collapsed.fit(TEXTS, LABELS)
    assert found[0].filename == __file__
    assert len(set(collapsed.predict(TEXTS))) == 1


def test_a_fitted_estimator_is_kept_by_pickle(classifier: Any) -> None:
    fitted = classifier.fit(TEXTS, LABELS)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
    assert again.run_ == fitted.run_


@pytest.mark.parametrize("classes", [("good", "go\u200bod"), ("so-so", "so\u2011so"), ("Good", "good")])
def test_classes_that_look_the_same_stay_two_with_a_warning(classes: tuple[str, str]) -> None:
    with pytest.warns(UserWarning, match=r"look the same|by case or spaces only"):
        found = read_classes([*classes, *classes])
    assert set(found.names) == set(classes)
