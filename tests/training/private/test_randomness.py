"""Draws from the operating system against their distributions; a bound of 5 standard errors fails once in 10^6."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from headstart.training.private.loop import sample_rows
from headstart.training.private.randomness import SecureRandom

NUM_DRAWS = 200_000


def test_normal_draws_are_normal() -> None:
    draws = SecureRandom().normal((NUM_DRAWS // 2, 2)).double().flatten()
    error = 1 / math.sqrt(NUM_DRAWS)
    assert abs(draws.mean()) < 5 * error
    assert abs(draws.std() - 1) < 5 * error / math.sqrt(2)
    assert abs((draws**4).mean() - 3) < 5 * error * math.sqrt(96)
    assert stats.kstest(draws.numpy(), "norm").pvalue > 1e-6
    # The two halves come from the same radii.
    assert abs(torch.corrcoef(draws.view(2, -1))[0, 1]) < 5 * error * math.sqrt(2)


def test_uniform_draws_are_uniform() -> None:
    draws = SecureRandom().uniform(NUM_DRAWS)
    assert draws.dtype == torch.float64
    assert draws.min() >= 0
    assert draws.max() < 1
    assert stats.kstest(draws.numpy(), "uniform").pvalue > 1e-6


def test_no_seed_reaches_them() -> None:
    torch.manual_seed(0)
    first = SecureRandom().normal((8,))
    torch.manual_seed(0)
    assert not torch.equal(first, SecureRandom().normal((8,)))


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (0,), (70_001,)])
def test_every_shape_is_drawn(shape: tuple[int, ...]) -> None:
    assert SecureRandom().normal(shape).shape == shape


def test_rows_are_sampled_one_by_one() -> None:
    """Sizes are binomial, also in their spread, and some updates have no row."""
    sizes = torch.tensor([len(sample_rows(40, 0.05, SecureRandom())) for _ in range(4000)]).double()
    mean, variance = 40 * 0.05, 40 * 0.05 * 0.95
    assert abs(sizes.mean() - mean) < 5 * math.sqrt(variance / 4000)
    assert abs(sizes.var() - variance) < 5 * variance * math.sqrt(2.5 / 4000)
    empty = 0.95**40
    assert abs((sizes == 0).double().mean() - empty) < 5 * math.sqrt(empty / 4000)
    assert sample_rows(5, 1.0, SecureRandom()) == [0, 1, 2, 3, 4]
