"""One answer out of several, each heard as far as it lowers the log loss.

Letters: m sources of answers, n rows, c classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from headstart.kinds.kind import Values

Floats = NDArray[np.float64]
LEAST_PROBABILITY = 1e-6
"""No source rules a class out: one that never saw a class would settle the answer alone."""


def pooled(sources: Sequence[Floats], targets: Values) -> Floats:
    """Return one answer [n, c] to each row: a weighted geometric mean of probabilities.

    Each source has one weight of at least 0; together they are those of the least log loss, which is convex in them.
    So a source that is too sure of itself is heard with less than weight 1, and one that knows nothing with 0. A few
    numbers for all rows tell no row anything of its own label.

    Args:
        sources: m probabilities of the classes [n, c], out of fold.
        targets: classes [n].

    Source: the logarithmic opinion pool of Genest and Zidek (1986), "Combining Probability Distributions: A Critique
        and an Annotated Bibliography", Statistical Science 1, section 3. Its weights sum to 1; ours are free, so that
        they also mend how sure the sources are.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    logs = np.log(np.maximum(np.stack(sources), LEAST_PROBABILITY))
    rows, classes = np.arange(len(targets)), np.asarray(targets, dtype=np.int64)
    own = logs[:, rows, classes]

    def loss(weights: Floats) -> tuple[float, Floats]:
        answers = log_softmax(np.tensordot(weights, logs, axes=1), axis=1)
        expected = np.einsum("nc,mnc->mn", np.exp(answers), logs)
        return -float(answers[rows, classes].mean()), (expected - own).mean(axis=1)

    equal = np.full(len(sources), 1 / len(sources))
    best = minimize(loss, equal, jac=True, bounds=[(0.0, None)] * len(sources), method="L-BFGS-B")
    found: Floats = np.exp(log_softmax(np.tensordot(best.x, logs, axes=1), axis=1))
    return found
