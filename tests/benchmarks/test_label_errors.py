"""`python -m benchmarks.label_errors`: what it flips, and how it counts what is found."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.label_errors import flip, quality


def test_one_label_in_twenty_becomes_another_class() -> None:
    labels = np.random.default_rng(0).integers(0, 4, 200)
    table = flip("table", [""] * 200, labels)
    assert table.is_flipped.sum() == 10
    assert ((table.labels != labels) == table.is_flipped).all()
    assert set(table.labels.tolist()) <= {0, 1, 2, 3}


def test_a_ranking_is_as_good_as_its_first_rows() -> None:
    """Flipped at ranks 1 and 3: precisions 1 and 2/3, one of two among the first two."""
    found = quality(np.array([0.1, 0.2, 0.3, 0.9]), np.array([True, False, True, False]))
    assert found.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert found.recall == 0.5
