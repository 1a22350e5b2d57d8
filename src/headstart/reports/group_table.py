"""How strategies do on groups of rows, as a table: a line for each group, and how far the worst is behind the best."""

from __future__ import annotations

from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow
from headstart.comparison.formats import NOTHING, range_of
from headstart.comparison.report import Report
from headstart.metrics import written
from headstart.reports.figures.drawing import DataTable
from headstart.stats.group_scores import GroupScore, GroupScores

GROUPS_CAPTION = (
    "Means over seeds, with 95 % intervals over rows. The worst of equally good groups is behind the best by chance, "
    "too: p is how often as much lies between them where the groups' names are shuffled over the rows. Groups with "
    "fewer than ten rows do not count there. Rows of equal texts, and rows that a column keeps together, count as one."
)


def group_table(group: ComparisonGroup, report: Report) -> DataTable | None:
    """Return the scores of each group of rows by each strategy; None where no groups were asked for.

    Of many groups it has those that the table of the first strategy alone would show.
    """
    found = [(row, report.by_group[row.key]) for row in group.rows if row.key in report.by_group]
    if not found:
        return None
    names = [each.name for each in found[0][1].shown]
    return DataTable(
        headings=(report.group_by, "rows", *(_heading(row) for row, _ in found)),
        rows=(
            *(_line(name, [scores for _, scores in found]) for name in names),
            ("worst group", "", *(_worst(scores) for _, scores in found)),
            ("behind the best", "", *(_gap(scores) for _, scores in found)),
        ),
    )


def _heading(row: ComparisonRow) -> str:
    return f"{row.label}, {row.metric}"


def _line(name: str, by_strategy: list[GroupScores]) -> tuple[str, ...]:
    groups = [next(each for each in scores.groups if each.name == name) for scores in by_strategy]
    cells = (_cell(scores.metric, each) for scores, each in zip(by_strategy, groups, strict=True))
    return (name, groups[0].rows_text, *cells)


def _cell(metric: str, group: GroupScore) -> str:
    score = written(metric, group.score)
    return score if group.interval is None else f"{score} {range_of(metric, group.interval)}"


def _worst(scores: GroupScores) -> str:
    return NOTHING if scores.gap is None else scores.gap.worst


def _gap(scores: GroupScores) -> str:
    return NOTHING if scores.gap is None else f"{written(scores.metric, scores.gap.gap)} (p = {scores.gap.p:.2g})"
