"""What stands behind one task's means and verdicts, as tables: spreads, statistics, and run against run."""

from __future__ import annotations

from collections.abc import Callable

from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow
from headstart.comparison.evidence import ReportEvidence
from headstart.comparison.examples import ExampleEvidence, RunPair
from headstart.comparison.formats import MINUS, NOTHING, bracket, plural, points, signed_points
from headstart.reports.figures.drawing import DataTable
from headstart.stats.evidence import BootstrapInterval, Evidence
from headstart.stats.intervals import Interval
from headstart.stats.power import seeds_needed


def evidence_table(group: ComparisonGroup, evidence: ReportEvidence) -> DataTable | None:
    """Return the table; rows without evidence have no column. None where nothing is compared."""
    rows = [row for row in group.rows if row.key in evidence.by_row]
    if not rows:
        return None
    lines = [(name, *(write(evidence.by_row[row.key]) for row in rows)) for name, write in STATISTICS]
    holm = f"the same after Holm, over {plural(evidence.num_comparisons, 'comparison')}"
    corrected = (holm, *(_p_value(evidence.adjusted.get(row.key)) for row in rows))
    crossed = [
        (name, *(write(found) if (found := evidence.examples.get(row.key)) else NOTHING for row in rows))
        for name, write in CROSSED
        if any(row.key in evidence.examples for row in rows)
    ]
    headings = ("", *(row.label for row in rows))
    return DataTable(headings=headings, rows=(*lines[:3], corrected, *lines[3:], *crossed))


def spread_table(group: ComparisonGroup) -> DataTable:
    """Return how the runs of each strategy ended and how their scores scatter, a line each."""
    return DataTable(headings=SPREAD_HEADINGS, rows=tuple(_spread(row) for row in group.rows))


def run_table(group: ComparisonGroup, evidence: ReportEvidence) -> DataTable | None:
    """Return each pair of runs on the same rows, where predictions are stored; None without any."""
    rows = [
        (row.label, str(pair.seed), *_pair(pair))
        for row in group.rows
        for pair in (evidence.examples[row.key].pairs if row.key in evidence.examples else ())
    ]
    return DataTable(headings=RUN_HEADINGS, rows=tuple(rows)) if rows else None


def run_caption(group: ComparisonGroup, evidence: ReportEvidence) -> str:
    """Return what the table of pairs of runs shows, and what counts where rows belong together."""
    same = "Two runs of one seed on the same rows: what it shows holds for these two models, not for their strategies."
    found = next((evidence.examples[row.key] for row in group.rows if row.key in evidence.examples), None)
    if found is None or found.num_units == found.num_examples:
        return same
    return (
        f"{same} Rows of equal texts, and rows that a column keeps together, count as one, so that "
        f"{found.num_examples:,} rows are {found.num_units:,}: a run alone is right on one of these where it is right "
        "on more of its rows than the other."
    )


def _spread(row: ComparisonRow) -> tuple[str, ...]:
    outcomes, summary = row.outcomes, row.summary
    values = (
        (summary.mean, summary.standard_deviation, summary.median, summary.lower_quartile, summary.upper_quartile,
         summary.minimum, summary.maximum)
        if summary else (None,) * 7
    )  # fmt: skip
    counts = (row.n, outcomes.num_failed, outcomes.num_constant, outcomes.num_at_constant_score)
    return (row.label, *map(str, counts), *map(points, values))


def _pair(pair: RunPair) -> tuple[str, ...]:
    test = pair.mcnemar
    counts = (str(test.num_only_a), str(test.num_only_b), _p_value(test.p_value)) if test else (NOTHING,) * 3
    return (signed_points(pair.difference), _over_rows(pair.interval), *counts)


def _over_rows(interval: Interval) -> str:
    """Write an interval over rows; rows on which nothing differs do not show how far other rows would move it."""
    return NOTHING if interval.width == 0.0 else bracket(interval)


def _p_value(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _outcomes(evidence: Evidence) -> str:
    difference = evidence.difference
    return f"{difference.wins} / {difference.ties} / {difference.losses}"


def _coverage(bootstrap: BootstrapInterval) -> str:
    return f"{100 * bootstrap.coverage:.0f} %"


def _effect(evidence: Evidence) -> str:
    return _with_interval(evidence.effect.value, evidence.effect.interval)


def _with_interval(value: float, interval: Interval) -> str:
    return f"{value:.2f} [{interval.low:.2f}, {interval.high:.2f}]".replace("-", MINUS)


def _pairs_needed(evidence: Evidence) -> str:
    deviation = evidence.difference.standard_deviation
    needed = seeds_needed(deviation, evidence.difference.mean) if deviation is not None else None
    return NOTHING if needed is None else f"{needed:,}"


STATISTICS: tuple[tuple[str, Callable[[Evidence], str]], ...] = (
    ("wins / ties / losses of pairs", _outcomes),
    ("95 % interval of the difference", lambda e: bracket(e.difference.interval)),
    ("sign-flip test, p", lambda e: _p_value(e.difference.p_value)),
    ("Wilcoxon signed-rank test, p", lambda e: _p_value(e.wilcoxon_p_value)),
    ("95 % interval, percentile bootstrap", lambda e: bracket(e.percentile.interval)),
    ("what such an interval covers", lambda e: _coverage(e.percentile)),
    ("95 % interval, BCa bootstrap", lambda e: bracket(e.bca.interval)),
    ("what such an interval covers", lambda e: _coverage(e.bca)),
    ("effect size, mean over sd of differences", _effect),
    ("probability of improvement", lambda e: _with_interval(e.improvement.value, e.improvement.interval)),
    ("stochastic order, violation (bound)", lambda e: f"{e.order.violation:.2f} ({e.order.upper_bound:.2f})"),
    ("smallest difference these pairs show with 80 % power, points", lambda e: points(e.smallest_difference)),
    ("pairs that would show this difference", _pairs_needed),
)
"""Each line's name, and how a strategy's evidence is written in it."""
CROSSED: tuple[tuple[str, Callable[[ExampleEvidence], str]], ...] = (
    ("95 % interval over seeds and rows, crossed bootstrap", lambda found: _over_rows(found.crossed.interval)),
    ("standard error from seeds, points", lambda found: points(found.crossed.seed_standard_error)),
    ("standard error from rows, points", lambda found: points(found.crossed.example_standard_error)),
)
SPREAD_HEADINGS = (
    "", "finished", "failed", "constant", "at constant", "mean", "sd", "median", "lower quartile", "upper quartile",
    "lowest", "highest",
)  # fmt: skip
RUN_HEADINGS = (
    "", "seed", "difference", "95 % interval over rows", "only it right", "only baseline right", "McNemar p",
)  # fmt: skip
