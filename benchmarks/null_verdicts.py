"""Count the verdicts over tasks in tables without any effect: each of them is false.

    python -m benchmarks.null_verdicts [--tables 10000]

Takes about a minute on one core. Prints the Markdown tables in docs/statistics.md.

A table has a difference for each task and seed. What a seed does may be the same to all tasks in part (its head, its
order of rows) or wholly (one model, scored twice), and tasks may scatter unequally.

Letters: m tables, t tasks, s seeds.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from headstart.stats.across_tasks import gain_across_tasks
from headstart.stats.comparisons import Verdict
from headstart.stats.limits import Values, t_limits

NUMBERS_OF_TASKS = (2, 3, 5, 9)
NUMBERS_OF_OTHER_TASKS = (6, 9)
NUMBERS_OF_SEEDS = (6, 10, 20)
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What tables without an effect look like.

    Attributes:
        shared: correlation of two tasks' differences at one seed, 0 to 1.
        largest_spread: of a task, beside the smallest, which is 1; those between rise by equal factors.
        tails: degrees of freedom of Student's t that differences follow; None for normal ones.
        is_coarse: whether differences are rounded to whole standard deviations, as scores on few rows are.
        between: standard deviation of the tasks' true gains, whose mean over all tasks like these is zero. These tasks
            have no effect only where it is zero.
    """

    name: str
    shared: float = 0.0
    largest_spread: float = 1.0
    tails: int | None = None
    is_coarse: bool = False
    between: float = 0.0

    def draw(self, generator: numpy.random.Generator, num_tables: int, num_tasks: int, num_seeds: int) -> Values:
        """Return differences [m, t, s]."""
        own = self._noise(generator, (num_tables, num_tasks, num_seeds))
        of_seeds = self._noise(generator, (num_tables, 1, num_seeds))
        values = numpy.sqrt(self.shared) * of_seeds + numpy.sqrt(1.0 - self.shared) * own
        if self.is_coarse:
            values = numpy.round(values)
        of_tasks = self.between * self._noise(generator, (num_tables, num_tasks, 1))
        spreads = numpy.geomspace(1.0, self.largest_spread, num_tasks)[:, None]
        drawn: Values = spreads * (values + of_tasks)
        return drawn

    def _noise(self, generator: numpy.random.Generator, size: tuple[int, ...]) -> Values:
        return generator.standard_normal(size) if self.tails is None else generator.standard_t(self.tails, size)


WITHOUT_EFFECT = (
    Scenario(name="independent"),
    Scenario(name="correlated, 0.5", shared=0.5),
    Scenario(name="correlated, 0.8", shared=0.8),
    Scenario(name="one model scored on all", shared=0.99),
    Scenario(name="unequal spreads, 1 to 10", shared=0.5, largest_spread=10.0),
    Scenario(name="coarse", shared=0.5, is_coarse=True),
    Scenario(name="heavy-tailed", shared=0.5, tails=3),
)
WITHOUT_EFFECT_ON_OTHERS = (
    Scenario(name="tasks alike", shared=0.5),
    Scenario(name="tasks differ, independent", between=1.0),
    Scenario(name="tasks differ, correlated, 0.8", shared=0.8, between=0.5),
    Scenario(name="tasks differ, unequal spreads", shared=0.5, largest_spread=10.0, between=1.0),
    Scenario(name="tasks differ, heavy-tailed", shared=0.5, tails=3, between=1.0),
)
"""Without an effect on other tasks like these: the mean of all tasks' gains is zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseVerdicts:
    """How many of `num_tables` tables got a verdict for either side."""

    num_tables: int
    on_these_tasks: int
    on_other_tasks: int


def simulate(scenario: Scenario, num_tasks: int, num_seeds: int, num_tables: int) -> FalseVerdicts:
    """Count the verdicts in tables of a scenario; the same at each call."""
    generator = numpy.random.default_rng([num_tasks, num_seeds])
    tables = scenario.draw(generator, num_tables, num_tasks, num_seeds)
    on_these = on_others = 0
    for table in tables[may_have_a_verdict(tables)]:
        gain = gain_across_tasks({str(number): dict(enumerate(row)) for number, row in enumerate(table)}, CONFIDENCE)
        assert gain is not None
        on_these += gain.verdict in (Verdict.BETTER, Verdict.WORSE)
        on_others += gain.verdict_for_other_tasks in (Verdict.BETTER, Verdict.WORSE)
    return FalseVerdicts(num_tables=num_tables, on_these_tasks=on_these, on_other_tasks=on_others)


def may_have_a_verdict(tables: Values) -> NDArray[numpy.bool_]:
    """Return which tables [m, t, s] can have one: the t interval of their seeds' means leaves out zero. Saves time."""
    limits = t_limits(tables.mean(axis=1), CONFIDENCE)
    possible: NDArray[numpy.bool_] = (limits[:, 0] > 0.0) | (limits[:, 1] < 0.0)
    return possible


def main() -> None:
    """Simulate and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=10_000)
    num_tables = parser.parse_args().tables
    print(_markdown(WITHOUT_EFFECT, NUMBERS_OF_TASKS, num_tables, on_others=False))
    print()
    print(_markdown(WITHOUT_EFFECT_ON_OTHERS, NUMBERS_OF_OTHER_TASKS, num_tables, on_others=True))


def _markdown(
    scenarios: tuple[Scenario, ...], numbers_of_tasks: tuple[int, ...], num_tables: int, *, on_others: bool
) -> str:
    """Return a line per scenario and number of tasks: false verdicts in per cent by number of seeds."""
    seeds = " | ".join(f"{number} seeds" for number in NUMBERS_OF_SEEDS)
    lines = [f"| differences | tasks | {seeds} |", "|---|---|" + "---|" * len(NUMBERS_OF_SEEDS)]
    for scenario in scenarios:
        for num_tasks in numbers_of_tasks:
            found = [simulate(scenario, num_tasks, num_seeds, num_tables) for num_seeds in NUMBERS_OF_SEEDS]
            counts = [each.on_other_tasks if on_others else each.on_these_tasks for each in found]
            shares = " | ".join(f"{100 * count / num_tables:.1f}" for count in counts)
            lines.append(f"| {scenario.name} | {num_tasks} | {shares} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
