"""How many seeds are needed: the smallest difference that a number of pairs shows, given the spread so far."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from headstart.comparison.comparison_table import build_comparison
from headstart.comparison.frame import Frame
from headstart.stats.comparisons import SIGNIFICANCE_LEVEL
from headstart.stats.intervals import Interval
from headstart.stats.power import POWER, seeds_needed, smallest_difference, spread_interval

NUMBERS_OF_PAIRS = (6, 10, 20, 50)
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One strategy against plain fine-tuning on one task. Differences are from 0 to 1, as the metric gives them.

    Attributes:
        num_pairs: that the spread comes from.
        standard_deviation: of their differences.
        spread: its 80 % interval: a spread from few seeds is itself uncertain.
        smallest: (pairs, difference): the smallest true difference that so many pairs show.
        needed: pairs that show the wanted difference; None when more than a million are.
        needed_if_narrow: the same at the lower end of `spread`; `needed_if_wide` at its upper end.
    """

    task: str
    label: str
    num_pairs: int
    standard_deviation: float
    spread: Interval
    smallest: tuple[tuple[int, float], ...]
    needed: int | None
    needed_if_narrow: int | None
    needed_if_wide: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What seeds buy, for every comparison of a store.

    Attributes:
        difference: wanted, from 0 to 1.
        power: the probability that a difference of that size is shown.
        level: of the two-sided test.
        left_out: (task, strategy) of comparisons without a spread, and why.
    """

    difference: float
    power: float
    level: float
    rows: tuple[PlanRow, ...]
    left_out: tuple[tuple[str, str, str], ...]


def plan_seeds(frame: Frame, difference: float) -> Plan:
    """Return the plan of a frame's comparisons for a wanted difference, in the scores' unit, above 0."""
    rows, left_out = [], []
    for row in build_comparison(frame).rows:
        if row.baseline_digest is None and row.is_baseline:
            continue
        seen = row.difference
        if seen is not None and seen.standard_deviation is not None:
            rows.append(_plan(row.task, row.label, seen.n, seen.standard_deviation, difference))
        else:
            why = row.finding if seen is None else "one pair has no spread"
            left_out.append((row.task, row.label, why))
    return Plan(
        difference=difference, power=POWER, level=SIGNIFICANCE_LEVEL, rows=tuple(rows), left_out=tuple(left_out)
    )


def plan_json(plan: Plan) -> str:
    """Return the plan as JSON; differences unrounded from 0 to 1."""
    return json.dumps({"schema_version": SCHEMA_VERSION} | asdict(plan), indent=2, ensure_ascii=False, allow_nan=False)


def _plan(task: str, label: str, num_pairs: int, deviation: float, difference: float) -> PlanRow:
    spread = spread_interval(deviation, num_pairs)
    return PlanRow(
        task=task,
        label=label,
        num_pairs=num_pairs,
        standard_deviation=deviation,
        spread=spread,
        smallest=tuple((number, smallest_difference(deviation, number)) for number in NUMBERS_OF_PAIRS),
        needed=seeds_needed(deviation, difference),
        needed_if_narrow=seeds_needed(spread.low, difference),
        needed_if_wide=seeds_needed(spread.high, difference),
    )
