"""The evidence of a whole report: every comparison weighed, corrected for their number, and joined across tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headstart.comparison.comparison_table import ComparisonTable
from headstart.comparison.examples import ExampleEvidence, example_evidence
from headstart.stats.across_tasks import GainAcrossTasks, gain_across_tasks
from headstart.stats.best_of import ExpectedBest, expected_best
from headstart.stats.evidence import Evidence, weigh_difference
from headstart.stats.multiplicity import holm
from headstart.store.local import LocalStore

Key = tuple[str, str]
"""A row's key: its experiment and task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointGain:
    """A strategy's gain over tasks, and the fewest paired seeds that one of them has."""

    gain: GainAcrossTasks
    fewest_pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEvidence:
    """What a report's paired seeds say.

    Attributes:
        by_row: the evidence of every comparison of two pairs or more.
        adjusted: its sign-flip p value after Holm's correction over all comparisons that may have a verdict. Those that
            added seeds until they were decided are left out: their p values do not hold.
        examples: of comparisons with stored predictions: the same over seeds and rows at once, and run against run.
        best: the expected best of 1, 2, ... finished runs of every row.
        gains: by strategy, over the tasks that give it a verdict, if these are two or more.
    """

    by_row: Mapping[Key, Evidence]
    adjusted: Mapping[Key, float]
    examples: Mapping[Key, ExampleEvidence]
    best: Mapping[Key, tuple[ExpectedBest, ...]]
    gains: Mapping[str, JointGain]

    @property
    def num_comparisons(self) -> int:
        """How many comparisons Holm's correction is over."""
        return len(self.adjusted)


def weigh(table: ComparisonTable, store: LocalStore | None = None) -> ReportEvidence:
    """Weigh every comparison of a table; without the store of the runs what rests on their predictions is left out."""
    by_row = {
        row.key: found
        for row in table.rows
        if row.difference is not None and (found := weigh_difference(row.difference)) is not None
    }
    return ReportEvidence(
        by_row=by_row,
        adjusted=adjusted_p_values(table),
        examples={
            key: found for group in table.groups if store for key, found in example_evidence(group, store).items()
        },
        best={row.key: expected_best([score for _, score in row.scores]) for row in table.rows if row.scores},
        gains=joint_gains(table),
    )


def adjusted_p_values(table: ComparisonTable) -> dict[Key, float]:
    """Return the sign-flip p values of all comparisons after Holm's correction, by the rows' keys."""
    return holm(
        {
            row.key: row.difference.p_value
            for row in table.rows
            if row.difference is not None and row.verdict is not None and row.difference.p_value is not None
        }
    )


def joint_gains(table: ComparisonTable) -> dict[str, JointGain]:
    """Return gains in points of each task's own metric, as leaderboards average them, by strategy.

    Only strategies with a verdict on two tasks or more have one.
    """
    differences: dict[str, dict[str, list[float]]] = {}
    for number, group in enumerate(table.groups):
        for row in group.rows:
            if row.difference is not None and row.verdict is not None:
                values = [value for _, value in row.difference.differences]
                differences.setdefault(row.label, {})[f"{number} {group.task}"] = values
    return {
        label: JointGain(gain=gain_across_tasks(tasks), fewest_pairs=min(map(len, tasks.values())))
        for label, tasks in differences.items()
        if len(tasks) > 1
    }
