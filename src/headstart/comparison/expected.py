"""What a recipe gave before, held against what it gives now."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headstart.comparison.comparison_table import ComparisonRow, ComparisonTable
from headstart.comparison.formats import PLUS_MINUS, points
from headstart.errors import UsageError, for_each
from headstart.stats.summary import Summary

NUM_STANDARD_ERRORS = 2.0
WRITTEN = re.compile(r"(\d+\.?\d*) \+- (\d+\.?\d*) over (\d+) seeds")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedScore:
    """The mean of a strategy's main metric over seeds on a task, and its standard error; both from 0 to 1.

    Attributes:
        label: the strategy as the table names it, such as "eh_ft(lora)".
    """

    task: str
    label: str
    mean: float
    standard_error: float

    @classmethod
    def parse(cls, task: str, label: str, text: str) -> ExpectedScore:
        """Read `79.76 +- 3.69 over 6 seeds`: mean and standard deviation of a score times 100.

        Raises:
            UsageError: if it is not written so, or over one seed, which has no spread.
        """
        found = WRITTEN.fullmatch(text.strip())
        if found is None or int(found[3]) < 2:
            raise UsageError(
                f"`expected` has {text!r} for {label} on {task}",
                allowed="  It is mean +- standard deviation over 2 or more seeds, as in 79.76 +- 3.69 over 6 seeds.",
            )
        mean, deviation, num_seeds = float(found[1]) / 100, float(found[2]) / 100, int(found[3])
        return cls(task=task, label=label, mean=mean, standard_error=deviation / math.sqrt(num_seeds))

    def agrees(self, found: Summary) -> bool | None:
        """Return whether both means, each with two standard errors on both sides, overlap; None for a single seed."""
        if found.standard_error is None:
            return None
        return abs(found.mean - self.mean) <= NUM_STANDARD_ERRORS * (found.standard_error + self.standard_error)


def read_expected(values: Any) -> tuple[ExpectedScore, ...]:
    """Return what a recipe expects: a mapping of tasks to a mapping of the table's labels to scores.

    Raises:
        UsageErrors: all that cannot be read, at once.
    """
    if not isinstance(values, Mapping) or not all(isinstance(scores, Mapping) for scores in values.values()):
        raise UsageError(
            "`expected` is not what came out for each task and strategy",
            allowed="  It is a mapping of tasks to a mapping of the table's labels to scores.",
        )
    written = [(str(task), str(label), str(text)) for task, scores in values.items() for label, text in scores.items()]
    return tuple(for_each(written, lambda each: ExpectedScore.parse(*each)))


def expected_lines(expected: tuple[ExpectedScore, ...], table: ComparisonTable) -> Iterator[str]:
    """Yield a sentence on how many expected scores came out, and one on each that did not."""
    rows = {(row.task, row.label): row for row in table.rows}
    found = [(each, rows.get((each.task, each.label))) for each in expected]
    agreeing = [each for each, row in found if row is not None and row.summary and each.agrees(row.summary)]
    yield (
        f"As the recipe expects: {len(agreeing)} of {len(expected)} means, where {PLUS_MINUS} two standard errors of "
        "both overlap."
    )
    for each, row in found:
        if each not in agreeing:
            yield f"{each.task}, {each.label}: {_came_out(row)}; expected {_mean(each.mean, each.standard_error)}."


def _came_out(row: ComparisonRow | None) -> str:
    if row is None or row.summary is None:
        return "nothing came out"
    if row.summary.standard_error is None:
        return f"{points(row.summary.mean)} came out at a single seed, which says nothing of a spread"
    return f"{_mean(row.summary.mean, row.summary.standard_error)} came out"


def _mean(mean: float, standard_error: float) -> str:
    return f"{points(mean)} {PLUS_MINUS} {points(NUM_STANDARD_ERRORS * standard_error)}"
