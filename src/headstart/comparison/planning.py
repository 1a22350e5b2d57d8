"""How many seeds are needed: the smallest difference for which pairs bring a verdict, given the spread so far."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from headstart.comparison.comparison_table import ComparisonRow, build_comparison
from headstart.comparison.evidence import adjusted_p_values
from headstart.comparison.frame import Frame
from headstart.stats.comparisons import SIGNIFICANCE_LEVEL, PairedDifference
from headstart.stats.intervals import Interval
from headstart.stats.power import POWER, fewest_seeds, seeds_needed, smallest_difference, spread_interval

NUMBERS_OF_PAIRS = (6, 10, 20, 50)
SCHEMA_VERSION = 2
"""2: `smallest` is null where no verdict can hold; `num_comparisons`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One strategy against plain fine-tuning on one task. Differences are from 0 to 1, as the metric gives them.

    Attributes:
        num_pairs: that the spread comes from; folds where seeds go through folds.
        standard_deviation: of their differences.
        spread: its 80 % interval: a spread from few seeds is itself uncertain.
        smallest: (pairs, difference): the smallest true difference for which so many pairs bring a verdict; None where
            none can hold.
        needed: pairs for which the wanted difference brings a verdict; None when more than a million are.
        needed_if_narrow: the same at the lower end of `spread`; `needed_if_wide` at its upper end.
    """

    task: str
    label: str
    num_pairs: int
    standard_deviation: float
    spread: Interval
    smallest: tuple[tuple[int, float | None], ...]
    needed: int | None
    needed_if_narrow: int | None
    needed_if_wide: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What seeds buy, for every comparison of a store.

    Attributes:
        difference: wanted, from 0 to 1.
        power: the probability that a difference of that size brings a verdict, which holds after Holm's correction.
        level: of the verdict.
        num_comparisons: over which the correction is made.
        fewest_pairs: with which a verdict can hold at all.
        left_out: (task, strategy) of comparisons without a spread, and why.
    """

    difference: float
    power: float
    level: float
    num_comparisons: int
    fewest_pairs: int
    rows: tuple[PlanRow, ...]
    left_out: tuple[tuple[str, str, str], ...]


def plan_seeds(frame: Frame, difference: float) -> Plan:
    """Return the plan of a frame's comparisons for a wanted difference, in the scores' unit, above 0."""
    rows, left_out = [], []
    table = build_comparison(frame)
    num_comparisons = max(1, len(adjusted_p_values(table)))
    for row in table.rows:
        if row.baseline_digest is None and row.is_baseline:
            continue
        seen = row.difference
        if seen is not None and seen.standard_deviation is not None:
            rows.append(_plan(row, seen.n, seen.standard_deviation, difference, num_comparisons))
        else:
            why = row.finding if seen is None else _without_spread(seen)
            left_out.append((row.task, row.label, why))
    left_out += [(group.task, each.label, each.finding) for group in table.groups for each in group.left_out]
    return Plan(
        difference=difference,
        power=POWER,
        level=SIGNIFICANCE_LEVEL,
        num_comparisons=num_comparisons,
        fewest_pairs=fewest_seeds(num_comparisons),
        rows=tuple(rows),
        left_out=tuple(left_out),
    )


def plan_json(plan: Plan) -> str:
    """Return the plan as JSON; differences unrounded from 0 to 1."""
    return json.dumps({"schema_version": SCHEMA_VERSION} | asdict(plan), indent=2, ensure_ascii=False, allow_nan=False)


def _without_spread(seen: PairedDifference) -> str:
    return "one pair has no spread" if seen.n == 1 else "equal differences have no spread"


def _plan(row: ComparisonRow, num_pairs: int, deviation: float, difference: float, num_comparisons: int) -> PlanRow:
    spread = spread_interval(deviation, num_pairs)
    return PlanRow(
        task=row.task,
        label=row.label,
        num_pairs=num_pairs,
        standard_deviation=deviation,
        spread=spread,
        smallest=tuple(
            (number, smallest_difference(deviation, number, num_comparisons)) for number in NUMBERS_OF_PAIRS
        ),
        needed=seeds_needed(deviation, difference, num_comparisons),
        needed_if_narrow=seeds_needed(spread.low, difference, num_comparisons),
        needed_if_wide=seeds_needed(spread.high, difference, num_comparisons),
    )
