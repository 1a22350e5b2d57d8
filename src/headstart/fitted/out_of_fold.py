"""Answers to labelled rows by heads that were fitted without them: what rows say of their own labels.

Letters: n rows, d numbers of a vector, k logits.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from headstart.dealing.folds import count_units, deal_folds, unit_numbers
from headstart.fitted.fit import fit_head
from headstart.fitted.fitted_head import answers_of
from headstart.fitted.inner_folds import NOTHING_HELD_OUT, deal_inner_folds
from headstart.fitted.logistic import MANY_CLASSES_WARNING
from headstart.fitted.names import AUTO
from headstart.fitted.opinion_pool import pooled
from headstart.kinds.kind import Kind, Values
from headstart.seeding import numpy_generator

if TYPE_CHECKING:
    from numpy import float64, floating, int64
    from numpy.typing import NDArray

NUM_FOLDS = 5
LEAST_UNITS = 2 * NUM_FOLDS
WORDS_STRENGTH = 10.0
"""C of the logistic regression on words."""
NUM_NEIGHBOURS = 15


def out_of_fold(
    vectors: NDArray[floating],
    texts: Sequence[Sequence[str]],
    targets: Values,
    kind: Kind,
    *,
    num_labels: int,
    units: Sequence[int] | NDArray[int64] | None = None,
    method: str = AUTO,
    seed: int = 0,
) -> NDArray[float64] | None:
    """Return answers to all rows, each by heads that were fitted without its fold: [n, k]; None below ten units.

    With one class a row, a logistic regression on the rows' words (TF-IDF, one and two words) and the classes of the
    nearest rows of other units are asked too, and all are pooled: they err on different rows.

    Args:
        vectors: [n, d], of a frozen backbone.
        texts: [n], the texts of each row.
        targets: as `fit_head` takes them.
        kind: what the targets are.
        num_labels: how many classes there are; 0 where answers are numbers.
        units: for each row the number of its unit, from 0; what a row's unit says of it is not heard. None takes each
            row for itself.
        method: as `fit_head` takes it.
        seed: deals rows to folds; a class's rows go through the folds in turn.

    Raises:
        UsageError: if the method does not suit the kind.
    """
    numbers = unit_numbers(units, len(vectors))
    if count_units(numbers) < LEAST_UNITS:
        return None
    strata = targets if targets.ndim == 1 else None
    folds = deal_folds(numbers, NUM_FOLDS, strata=strata, generator=numpy_generator(seed, "out_of_fold"))
    by_vectors = _by_vectors(vectors, targets, kind, folds, numbers, num_labels or None, method, seed)
    if not kind.picks_one:
        return by_vectors
    by_words = _by_words([" ".join(each) for each in texts], targets, folds, num_labels)
    by_neighbours = _by_neighbours(vectors, targets, numbers, num_labels)
    return pooled([by_vectors, by_neighbours, *([] if by_words is None else [by_words])], targets)


def _by_vectors(
    vectors: NDArray[floating],
    targets: Values,
    kind: Kind,
    folds: NDArray[int64],
    units: NDArray[int64],
    num_labels: int | None,
    method: str,
    seed: int,
) -> NDArray[float64]:
    # Strength and scale are those of all rows: two numbers tell no row anything of its own label.
    inner = deal_inner_folds(kind, targets, units=units, seed=seed)
    usual = fit_head(vectors, targets, kind, method, num_labels=num_labels, inner=inner)
    answers = np.empty((len(vectors), len(usual.bias)))
    for fold in range(NUM_FOLDS):
        is_out = folds == fold
        head = fit_head(
            vectors[~is_out],
            targets[~is_out],
            kind,
            method,
            num_labels=num_labels,
            inner=NOTHING_HELD_OUT,
            strength=usual.strength,
        )
        answers[is_out] = answers_of(kind, usual.scale * head.logits(vectors[is_out]))
    return answers


def _by_words(texts: Sequence[str], targets: Values, folds: NDArray[int64], num_labels: int) -> NDArray[float64] | None:
    """Return the answers of regressions on words; None where a fold leaves no words or a single class."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    answers = np.zeros((len(texts), num_labels))
    for fold in range(NUM_FOLDS):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        regression = LogisticRegression(C=WORDS_STRENGTH, max_iter=1_000, tol=1e-3)
        try:
            read = words.fit_transform([texts[row] for row in inside.tolist()])
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", MANY_CLASSES_WARNING)
                regression.fit(read, targets[inside])
        except ValueError:
            return None
        found = regression.predict_proba(words.transform([texts[row] for row in outside.tolist()]))
        answers[np.ix_(outside, regression.classes_)] = found
    return answers


def _by_neighbours(
    vectors: NDArray[floating], targets: Values, units: NDArray[int64], num_labels: int
) -> NDArray[float64]:
    """Return the shares of the classes among the nearest rows of other units, one more vote spread over all classes."""
    from sklearn.metrics import pairwise_distances_chunked

    number = min(NUM_NEIGHBOURS, len(vectors) - np.unique(units, return_counts=True)[1].max())

    def of_other_units(distances: NDArray[floating], start: int) -> NDArray[int64]:
        distances[units[start : start + len(distances), None] == units] = np.inf
        return np.argpartition(distances, number - 1, axis=1)[:, :number]

    nearest = np.concatenate(list(pairwise_distances_chunked(vectors, reduce_func=of_other_units, metric="cosine")))
    votes = np.eye(num_labels)[targets[nearest].astype(np.int64)].sum(axis=1)
    shares: NDArray[float64] = (votes + 1 / num_labels) / (number + 1)
    return shares
