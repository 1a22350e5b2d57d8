"""Scores by name, through scikit-learn and SciPy. Every degenerate case has a defined value, never NaN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from headstart.errors import UsageError
from headstart.registry import Registry

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Values = NDArray[numpy.int64] | NDArray[numpy.float64]

    Weights = Values

Metric = Callable[..., float]
"""Of labels, predictions and, beside groups, the `weights` of the rows: one of 2 counts as two rows; None is 1 each."""
GroupMetric = Callable[["Values", "Values", Sequence[str]], float]

LARGEST = 1e300
"""The error of an answer that is no number."""


def accuracy(labels: Values, predictions: Values, weights: Weights | None = None) -> float:
    """Return the share of right answers, 0 to 1; multi-label answers must be right as a whole."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(labels, predictions, sample_weight=weights))


def f1(labels: Values, predictions: Values, weights: Weights | None = None) -> float:
    """Return F1 of class 1, 0 to 1; 0 when it is neither there nor answered. For classes 0 and 1 only."""
    from sklearn.metrics import f1_score

    return float(
        f1_score(
            labels, predictions, pos_label=1, labels=[1], average="macro", zero_division=0.0, sample_weight=weights
        )
    )


def macro_f1(labels: Values, predictions: Values, weights: Weights | None = None) -> float:
    """Return the mean F1 over the classes that are there or answered, 0 to 1; a class never hit counts 0.

    With multi-label answers the mean is over all classes.
    """
    return _mean_f1(labels, predictions, "macro", weights)


def micro_f1(labels: Values, predictions: Values, weights: Weights | None = None) -> float:
    """Return F1 over all decisions together, 0 to 1; 0 when nothing is there or answered.

    With one class per example this is the accuracy; it is meant for multi-label answers.
    """
    return _mean_f1(labels, predictions, "micro", weights)


def matthews(labels: Values, predictions: Values, weights: Weights | None = None) -> float:
    """Return Matthews' correlation, -1 to 1; 0 when labels or answers are constant."""
    from sklearn.metrics import matthews_corrcoef

    if _is_constant(labels) or _is_constant(predictions):
        return 0.0
    return float(matthews_corrcoef(labels, predictions, sample_weight=weights))


def pearson(labels: Values, predictions: Values, weights: Weights | None = None) -> float:
    """Return Pearson's correlation, -1 to 1; 0 when labels or answers are constant or not finite."""
    from scipy.stats import pearsonr

    if weights is None:
        return _correlation(pearsonr, labels, predictions)
    return _correlation(lambda a, b: [_weighed_pearson(a, b, weights)], labels, predictions)


def spearman(labels: Values, predictions: Values, weights: Weights | None = None) -> float:
    """Return Spearman's rank correlation, -1 to 1; 0 when labels or answers are constant or not finite."""
    from scipy.stats import spearmanr

    if weights is None:
        return _correlation(spearmanr, labels, predictions)
    return _correlation(
        lambda a, b: [_weighed_pearson(_weighed_ranks(a, weights), _weighed_ranks(b, weights), weights)],
        labels,
        predictions,
    )


def mae(labels: Values, predictions: Values, weights: Weights | None = None) -> float:
    """Return the mean absolute error, in the labels' own unit; an answer that is not finite errs by `LARGEST`."""
    import numpy as np

    return float(np.average(np.abs(_errors(labels, predictions)), weights=weights))


def rmse(labels: Values, predictions: Values, weights: Weights | None = None) -> float:
    """Return the root of the mean squared error, in the labels' own unit, with `LARGEST` as for `mae`."""
    import numpy as np

    errors = _errors(labels, predictions)
    largest = float(np.abs(errors).max()) or 1.0  # Squares of very large or small numbers are none in fp64.
    return largest * float(np.sqrt(np.average(np.square(errors / largest), weights=weights)))


def exact_match(labels: Values, predictions: Values, groups: Sequence[str]) -> float:
    """Return the share of groups, such as all answers to one question, of which every answer is right, 0 to 1."""
    wrong = {group for group, label, answer in zip(groups, labels, predictions, strict=True) if label != answer}
    return 1 - len(wrong) / len(set(groups))


def gender_parity(labels: Values, predictions: Values, groups: Sequence[str]) -> float:
    """Return the share of groups, such as pairs that differ in a pronoun, that all got the same answer, 0 to 1.

    Whether the answer is right does not matter: a constant one has parity 1.

    Source: Rudinger et al. (NAACL 2018); Wang et al. (NeurIPS 2019), SuperGLUE, section 3.3.
    """
    answers: dict[str, set[object]] = {}
    for group, answer in zip(groups, predictions, strict=True):
        answers.setdefault(group, set()).add(answer)
    return sum(len(distinct) == 1 for distinct in answers.values()) / len(answers)


KNOWN: Registry[Metric | GroupMetric] = Registry("metric")
for _metric in (accuracy, f1, macro_f1, micro_f1, matthews, pearson, spearman, mae, rmse, exact_match, gender_parity):
    KNOWN.add(_metric.__name__, _metric)
KNOWN.add("f1a", f1)

BY_GROUP = ("exact_match", "gender_parity")
"""Metrics of groups of examples."""
FOR_TWO_CLASSES = ("f1", "f1a")
SHARES = ("accuracy", "f1", "f1a", "macro_f1", "micro_f1", "exact_match", "gender_parity")
"""Metrics from 0 to 1; correlations begin at -1."""
ERRORS = ("mae", "rmse")
"""Metrics that are the better the lower they are, and have the labels' unit; all others are shares or correlations."""


def written(name: str, score: float) -> str:
    """Return a metric's score as people read it: an error in its unit, to four digits; all others times 100."""
    return f"{score:.4g}" if name in ERRORS else f"{100 * score:.2f}"


def compute(
    names: Sequence[str],
    labels: Values,
    predictions: Values,
    groups: Sequence[str] | None = None,
    weights: Weights | None = None,
) -> dict[str, float]:
    """Return the named metrics.

    Args:
        names: of `KNOWN`.
        labels: right classes, choices or numbers [n], or 0 and 1 for each class [n, c] (multi-label); n above 0.
        predictions: what was answered, of the same shape.
        groups: [n], the group of each example, for metrics of `BY_GROUP`.
        weights: [n], above 0; an example of weight 2 counts as two. None where each counts the same.

    Raises:
        UsageError: if a name is unknown, F1 of class 1 is asked of other classes than 0 and 1, groups are
            missing, or a metric of groups is to be weighed.
        ValueError: if labels and predictions are empty or of different length.
    """
    if len(labels) == 0 or len(labels) != len(predictions):
        raise ValueError(f"cannot score {len(predictions)} answers to {len(labels)} questions")
    scores = {}
    for name in names:
        metric: Callable[..., float] = KNOWN.get(name)
        if name in FOR_TWO_CLASSES and not {*map(int, labels), *map(int, predictions)} <= {0, 1}:
            raise UsageError(f"{name} is for two classes", remedy="  Take macro_f1 for more.")
        if name not in BY_GROUP:
            scores[name] = metric(labels, predictions, weights)
        elif groups is None:
            raise UsageError(f"{name} needs to know which examples belong together")
        elif weights is not None:
            raise UsageError(f"{name} is a share of groups, whose examples have no weights", remedy="  Leave them out.")
        else:
            scores[name] = metric(labels, predictions, groups)
    return scores


def _mean_f1(labels: Values, predictions: Values, average: str, weights: Weights | None) -> float:
    from sklearn.metrics import f1_score

    # Scikit-learn takes one column for two classes that exclude each other.
    if labels.ndim == 2 and labels.shape[1] == 1:
        return f1(labels[:, 0], predictions[:, 0], weights)
    return float(f1_score(labels, predictions, average=average, zero_division=0.0, sample_weight=weights))


def _errors(labels: Values, predictions: Values) -> NDArray[numpy.float64]:
    import numpy as np

    errors = np.asarray(predictions, dtype=np.float64) - labels
    # Scores are stored as JSON, which knows neither NaN nor infinity.
    return np.where(np.isfinite(errors), errors, LARGEST)


def _is_constant(values: Values) -> bool:
    return len(set(values.tolist())) == 1


def _correlation(correlate: Callable[..., Sequence[float]], labels: Values, predictions: Values) -> float:
    import numpy as np

    if _is_constant(labels) or _is_constant(predictions):
        return 0.0
    if not (np.isfinite(labels).all() and np.isfinite(predictions).all()):
        return 0.0
    return float(correlate(labels, predictions)[0])


def _weighed_pearson(labels: Values, predictions: Values, weights: Weights) -> float:
    """Return Pearson's correlation with all means weighed; each side is shrunk to its largest deviation before."""
    import numpy as np

    def centred(values: Values) -> NDArray[numpy.float64]:
        deviations = np.asarray(values - np.average(values, weights=weights), dtype=np.float64)
        return np.asarray(deviations / np.abs(deviations).max())

    a, b = centred(labels), centred(predictions)
    products = [float(np.average(each, weights=weights)) for each in (a * b, a * a, b * b)]
    return float(np.clip(products[0] / np.sqrt(products[1] * products[2]), -1.0, 1.0))


def _weighed_ranks(values: Values, weights: Weights) -> NDArray[numpy.float64]:
    """Return for each value the weight below it and half of that at it: less one half the mean rank of equal rows."""
    import numpy as np

    _, places = np.unique(values, return_inverse=True)
    totals = np.bincount(places, weights=weights)
    ranks: NDArray[numpy.float64] = (np.cumsum(totals) - totals / 2)[places]
    return ranks
