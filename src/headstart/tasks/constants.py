"""The best constant answer: the one answer to all rows that a metric scores best."""

from __future__ import annotations

from collections.abc import Sequence

from headstart import metrics
from headstart.kinds.kind import Kind, Values


def constant_scores(
    kind: Kind,
    names: Sequence[str],
    labels: Values,
    groups: Sequence[str] | None = None,
    weights: Values | None = None,
) -> dict[str, float]:
    """Return each metric's score of its own best constant answer; of other arguments see `best_constant`."""
    return {name: best_constant(kind, name, labels, groups, weights)[1] for name in names}


def best_constant(
    kind: Kind, metric: str, labels: Values, groups: Sequence[str] | None = None, weights: Values | None = None
) -> tuple[Values, float]:
    """Return the best constant answer to rows, of the shape of one label, and its score.

    Args:
        kind: of the answers.
        metric: a name of `headstart.metrics.KNOWN`.
        labels: of at least one row, as `Kind.label_array` makes them.
        groups: of each row, for metrics of groups.
        weights: of each row; None where each counts the same.

    Raises:
        UsageError: if the metric cannot score such labels.
    """
    import numpy as np

    exact = None if weights is None else weights.astype(np.float64)

    def score(constant: Values) -> float:
        answers = np.empty_like(labels)
        answers[:] = constant
        return metrics.compute((metric,), labels, answers, groups, exact)[metric]

    constants = kind.constants(labels, weights)
    scores = [score(constant) for constant in constants]
    best = min(scores) if metric in metrics.ERRORS else max(scores)
    return constants[scores.index(best)], best
