"""The evidence of a whole report: every comparison weighed, corrected for their number, and joined across tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.comparison.comparison_table import ComparisonRow, ComparisonTable
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
    """What a strategy gains over tasks with one model.

    Attributes:
        baseline: what it is compared with, as sentences name it.
    """

    label: str
    strategy: str
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
        best: the expected best of 1, 2, ... finished runs of every row whose runs are independent trials: not
            of seeds that go through folds, and not of seeds that were added until it was decided.
        gains: of each strategy and model, over the tasks that may have a verdict, if these are two or more.
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


def weigh(
    table: ComparisonTable, store: LocalStore | None = None, damaged: Collection[Path] = frozenset()
) -> ReportEvidence:
    """Weigh every comparison of a table.

    Without the store of the runs what rests on their predictions is left out, and so is what rests on `damaged` files.
    """
    by_row = {
        row.key: found
        for row in table.rows
        if row.difference is not None and (found := weigh_difference(row.difference)) is not None
    }
    return ReportEvidence(
        by_row=by_row,
        adjusted=adjusted_p_values(table),
        examples={
            key: found
            for group in table.groups
            if store
            for key, found in example_evidence(group, store, damaged).items()
        },
        best={
            row.key: expected_best([score for _, score in row.scores])
            for row in table.rows
            if row.scores and row.sequential is None and row.num_folds is None
        },
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

    A task counts once for each model. Scores of its models on other rows are not a task of their own, and a comparison
    that added seeds until it was decided is left out: its mean would overstate the gain.
    """
    tasks: dict[tuple[str, str, str], dict[tuple[str, str], ComparisonRow]] = {}
    for row in table.rows:
        setting = row.setting
        if row.verdict is None or row.sequential is not None or setting is None or setting.other_rows:
            continue
        tasks.setdefault((row.label, row.model, setting.model_revision), {}).setdefault((row.task, setting.rows), row)
    found = [_joint_gain(tuple(rows.values())) for rows in tasks.values() if len(rows) > 1]
    return tuple(each for each in found if each is not None)


def _joint_gain(rows: Sequence[ComparisonRow]) -> JointGain | None:
    """Return the gain over rows of different tasks; None where they share no seed."""
    differences = [row.difference for row in rows if row.difference is not None]
    gain = gain_across_tasks(
        {str(number): dict(each.differences) for number, each in enumerate(differences)},
        folds=[each.num_folds for each in differences if each.num_folds is not None],
    )
    if gain is None:
        return None
    first = rows[0]
    return JointGain(label=first.label, strategy=first.strategy, model=first.model, baseline=first.baseline, gain=gain)
