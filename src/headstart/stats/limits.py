"""Limits of confidence intervals for many samples at once, so that what a report prints is what simulations measured.

Letters: s samples, n values of a sample, b resamples of a sample. An interval is its lower and upper limit; a
confidence lies between 0 and 1, both excluded.
"""

from __future__ import annotations

import numpy
from numpy.typing import NDArray
from scipy import special

Values = NDArray[numpy.float64]

_RELATIVE_TOLERANCE = 1e-9


def t_limits(samples: Values, confidence: float) -> Values:
    """Return Student's interval [s, 2] of each sample's mean, from values [s, n], n above 1."""
    num_values = samples.shape[1]
    half_width = special.stdtrit(num_values - 1, (1.0 + confidence) / 2.0) * samples.std(axis=1, ddof=1)
    return numpy.stack([samples.mean(axis=1)] * 2, axis=1) + numpy.outer(half_width / numpy.sqrt(num_values), (-1, 1))


def percentile_limits(means: Values, confidence: float) -> Values:
    """Return the percentile interval [s, 2] of each sample from the means of its resamples [s, b].

    Source: Efron and Tibshirani (1993), "An Introduction to the Bootstrap", section 13.3.
    """
    tail = (1.0 - confidence) / 2.0
    return numpy.quantile(means, (tail, 1.0 - tail), axis=1).T


def bca_limits(samples: Values, means: Values, confidence: float) -> Values:
    """Return the bias-corrected and accelerated interval [s, 2] of each sample's mean.

    It comes from the values [s, n] and the means of the resamples [s, b]. Resampled means that equal the sample's mean
    count as half below. A sample without spread gets a point.

    Source: Efron (1987), "Better Bootstrap Confidence Intervals", JASA 82, equations 2.3 and 6.6.
    """
    centre = samples.mean(axis=1, keepdims=True)
    tolerance = _RELATIVE_TOLERANCE * numpy.abs(samples - centre).max(axis=1, keepdims=True)
    below = (means < centre - tolerance).mean(axis=1)
    not_above = (means <= centre + tolerance).mean(axis=1)
    bias = special.ndtri((below + not_above) / 2.0)
    shifted = bias[:, None] + special.ndtri([(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    levels: Values = special.ndtr(bias[:, None] + shifted / (1.0 - _accelerations(samples)[:, None] * shifted))
    return numpy.stack([numpy.quantile(row, level) for row, level in zip(means, levels, strict=True)])


def _accelerations(samples: Values) -> Values:
    """Return a sixth of each sample's skewness over the root of n, which is the jackknife's acceleration of a mean."""
    deviations = samples - samples.mean(axis=1, keepdims=True)
    scale = (deviations**2).sum(axis=1) ** 1.5
    accelerations: Values = numpy.divide(
        (deviations**3).sum(axis=1), 6.0 * scale, out=numpy.zeros(len(samples)), where=scale > 0.0
    )
    return accelerations
