"""A finished comparison as values: every format is written from it, and nothing is decided after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headstart.comparison.answers import Answer, answers_of
from headstart.comparison.cells import Cell
from headstart.comparison.comparison_table import ComparisonGroup, ComparisonTable, build_comparison
from headstart.comparison.evidence import ReportEvidence, weigh
from headstart.comparison.frame import Frame, frame_to_report
from headstart.comparison.overall import OverallAnswer, overall_answers
from headstart.stats.group_scores import GroupScores
from headstart.store.local import LocalStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What runs say.

    Attributes:
        answers_by_group: in the table's order.
        overall: over all tasks; empty with one task.
        cells: the runs behind each row, by its key.
        store: where they lie, with their logs and predictions; None for runs that lie nowhere.
        damaged: files beside the runs that may not be read.
        group_by: column of groups of rows; "" where none was asked for.
        by_group: how each row's runs do on these groups, by its key.
    """

    table: ComparisonTable
    evidence: ReportEvidence
    answers_by_group: tuple[tuple[Answer, ...], ...]
    overall: tuple[OverallAnswer, ...]
    cells: Mapping[tuple[str, str], Cell]
    store: LocalStore | None
    damaged: frozenset[Path] = frozenset()
    group_by: str = ""
    by_group: Mapping[tuple[str, str], GroupScores] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[tuple[ComparisonGroup, tuple[Answer, ...]], ...]:
        """Every group with its answers."""
        return tuple(zip(self.table.groups, self.answers_by_group, strict=True))

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The answers of all groups."""
        return tuple(answer for answers in self.answers_by_group for answer in answers)

    @property
    def num_runs(self) -> int:
        """How many runs stand behind the rows."""
        return len({(run.experiment_digest, run.seed) for cell in self.cells.values() for run in cell.records})


def build_report(frame: Frame, store: LocalStore | None = None) -> Report:
    """Return the report of a frame; `store` holds its runs' predictions, None leaves out what rests on them."""
    table = build_comparison(frame, store.root if store else None)
    damaged = frame.damage.paths
    evidence = weigh(table, store, damaged)
    return Report(
        table=table,
        evidence=evidence,
        answers_by_group=tuple(answers_of(group, evidence) for group in table.groups),
        overall=overall_answers(evidence.gains),
        cells={cell.key: cell for cell in frame.cells},
        store=store,
        damaged=damaged,
    )


def read_report(store: Path, digests: Collection[str] | None = None, *, equal_compute: bool = False) -> Report:
    """Return the report of a store.

    Args:
        store: its folder.
        digests: the experiments to take; all by default.
        equal_compute: compare with fine-tuning at EH-FT's compute instead of at equal updates.

    Raises:
        UsageError: if the store does not exist, holds nothing to report, or lacks the runs of equal compute.
    """
    return build_report(frame_to_report(store, digests, equal_compute=equal_compute), LocalStore(store))
