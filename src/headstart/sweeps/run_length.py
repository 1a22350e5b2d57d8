"""Which runs take longest: they start first, so that none of them is left alone at the end."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.costs import PASS_COST, cost
from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData, RunDataCache


def longest_first(runs: Sequence[Run], cache: RunDataCache) -> list[Run]:
    """Return runs by their expected length; where that is equal they stay in their order."""
    return sorted(runs, key=lambda run: -expected_length(run, cache))


def expected_length(run: Run, cache: RunDataCache) -> float:
    """Return how many tokens a run passes through its model, forward and backward, of models of one size.

    Memory and rows apart it is what time follows from. Rows are taken to have the length of their table's mean.
    """
    data, experiment = RunData.of(run, cache), run.experiment
    tokens = data.tokens("train")
    mean_length = sum(tokens.lengths) / max(1, len(tokens))
    updates = cost((stage.role, stage.num_steps) for stage in experiment.plan) * experiment.training.batch_size
    return mean_length * (updates + PASS_COST * len(data.report))
