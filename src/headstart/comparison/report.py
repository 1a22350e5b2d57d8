"""A whole report as values: the table, what stands behind it, and the answers. Every format is written from it."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.comparison.answers import Answer, answers_of
from headstart.comparison.comparison_table import ComparisonTable, build_comparison
from headstart.comparison.evidence import ReportEvidence, weigh
from headstart.comparison.frame import Frame
from headstart.comparison.overall import OverallAnswer, overall_answers
from headstart.store.local import LocalStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a store's runs say.

    Attributes:
        answers: of every task, in the table's order.
        overall: over all tasks; empty with one task.
    """

    table: ComparisonTable
    evidence: ReportEvidence
    answers: tuple[Answer, ...]
    overall: tuple[OverallAnswer, ...]


def build_report(frame: Frame, store: LocalStore | None = None) -> Report:
    """Return the report of a frame; `store` holds its runs' predictions, None leaves out what rests on them."""
    table = build_comparison(frame)
    evidence = weigh(table, store)
    return Report(
        table=table,
        evidence=evidence,
        answers=tuple(answer for group in table.groups for answer in answers_of(group, evidence)),
        overall=overall_answers(evidence.gains),
    )
