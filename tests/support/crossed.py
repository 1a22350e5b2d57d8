"""The crossed bootstrap of one table of differences."""

from __future__ import annotations

import numpy

from headstart.stats.crossed import NUM_RESAMPLES, CrossedInterval, Sides, crossed_bootstraps
from headstart.stats.example_scores import the_mean


def crossed_bootstrap(
    differences: numpy.ndarray, confidence: float = 0.95, *, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> CrossedInterval:
    """Return the interval of a difference of means over examples, from what each adds to it [seeds, examples]."""
    sides = Sides(a=differences[..., None], b=numpy.zeros((*differences.shape, 1)))
    return crossed_bootstraps([sides], the_mean, confidence, num_resamples=num_resamples, seed=seed)[0]
