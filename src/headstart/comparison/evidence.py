"""The evidence of a whole report: every comparison weighed, corrected for their number, and joined across tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headstart.comparison.comparison_table import ComparisonTable
from headstart.comparison.examples import ExampleEvidence, example_evidence
from headstart.stats.across_tasks import GainAcrossTasks, gain_across_tasks
from headstart.stats.best_of import ExpectedBest, expected_best
from headstart.stats.comparisons import PairedDifference
from headstart.stats.evidence import Evidence, weigh_difference
from headstart.stats.multiplicity import holm
from headstart.store.local import LocalStore

Key = tuple[str, str]
"""A row's key: its experiment and task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointGain:
    """A strategy's gain over the tasks of one model, against what it is compared with there."""

    label: str
    model: str
    baseline: str
    gain: GainAcrossTasks


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEvidence:
    """What a report's paired seeds say.

    Attributes:
        by_row: the evidence of every comparison of two pairs or more.
        adjusted: its sign-flip p value after Holm's correction over all comparisons that may have a verdict. Those that
            added seeds until they were decided are left out: their p values do not hold.
        examples: of comparisons with stored predictions: the same over seeds and rows at once, and run against run.
        best: the expected best of 1, 2, ... finished runs of every row.
        gains: over the tasks that give a strategy a verdict, if these are two or more.
    """

    by_row: Mapping[Key, Evidence]
    adjusted: Mapping[Key, float]
    examples: Mapping[Key, ExampleEvidence]
    best: Mapping[Key, tuple[ExpectedBest, ...]]
    gains: tuple[JointGain, ...]

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


def joint_gains(table: ComparisonTable) -> tuple[JointGain, ...]:
    """Return gains in points of each task's own metric, as leaderboards average them, by strategy and model.

    A task counts once, on its own rows. Left out are comparisons without a verdict, those that added seeds until they
    were decided, whose early stops overstate the difference, and strategies and models with one task.
    """
    compared: dict[tuple[str, str, str], dict[tuple[str, str], PairedDifference]] = {}
    for group in table.groups:
        for row in group.rows if not group.is_on_other_rows else ():
            if row.difference is not None and row.verdict is not None and not row.difference.is_sequential:
                tasks = compared.setdefault((row.label, group.model, row.baseline), {})
                tasks.setdefault((group.task, row.setting.rows if row.setting else ""), row.difference)
    found = ((key, _joined(list(tasks.values()))) for key, tasks in compared.items() if len(tasks) > 1)
    return tuple(
        JointGain(label=label, model=model, baseline=baseline, gain=gain)
        for (label, model, baseline), gain in found
        if gain is not None
    )


def _joined(differences: Sequence[PairedDifference]) -> GainAcrossTasks | None:
    by_task = {str(number): dict(each.differences) for number, each in enumerate(differences)}
    return gain_across_tasks(by_task, folds=[each.num_folds for each in differences if each.num_folds is not None])
