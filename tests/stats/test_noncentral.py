"""The noncentral t distribution against its definition, also where SciPy's own function gives no number."""

from __future__ import annotations

import numpy
import pytest
from scipy import special

from headstart.stats.noncentral import noncentral_t_probability


def _by_definition(degrees: int, noncentrality: float, t_value: float) -> float:
    """Mean of P(Z + noncentrality <= t s) over the root s of a mean square, at 100,000 of its quantiles."""
    levels = (numpy.arange(100_000) + 0.5) / 100_000
    return float(
        special.ndtr(t_value * numpy.sqrt(special.chdtri(degrees, 1 - levels) / degrees) - noncentrality).mean()
    )


@pytest.mark.parametrize(
    ("degrees", "noncentrality", "t_value"),
    [
        (5, 1.0, 2.0),
        (9, -2.0, 0.5),
        (29, 6.0, 5.0),
        (1, 3.0, -12.7),
        # Here SciPy 1.17 gives NaN.
        (2, -40.0, 50.0),
        (29, 20.0, -3.0),
        (134, 48.111, 8.88),
        (119, 0.0016, 5876.0),
        (653, 672.6, 3379.9),
    ],
)
def test_it_agrees_with_the_definition(degrees: int, noncentrality: float, t_value: float):
    expected = _by_definition(degrees, noncentrality, t_value)
    assert noncentral_t_probability(degrees, noncentrality, t_value) == pytest.approx(expected, abs=2e-5)
