"""How well logits fit their targets, in nats.

Letters: n rows, k logits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax

from headstart.kinds.kind import Kind


def row_losses(
    kind: Kind, logits: NDArray[np.float64], targets: NDArray[np.float64] | NDArray[np.int64], wrong: float = 0.0
) -> NDArray[np.float64]:
    """Return the loss of each row [n]: minus the log-probability of its class, or its squared error where it has none.

    With several classes a row it is the mean over the classes.

    Args:
        kind: what the logits mean.
        logits: [n, k].
        targets: [n] or [n, k].
        wrong: the share of rows whose target is taken to be wrong, evenly among the other answers.
    """
    losses: NDArray[np.float64]
    if kind.takes_several:
        sign = 2.0 * targets - 1
        losses = -((1 - wrong) * log_expit(sign * logits) + wrong * log_expit(-sign * logits)).mean(axis=1)
    elif kind.has_classes:
        logs = log_softmax(logits, axis=1)
        right = logs[np.arange(len(logs)), targets]
        others = (logs.sum(axis=1) - right) / max(1, logs.shape[1] - 1)
        losses = -((1 - wrong) * right + wrong * others)
    else:
        losses = (logits[:, 0] - targets) ** 2
    return losses
