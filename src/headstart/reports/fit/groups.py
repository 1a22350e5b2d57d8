"""How well groups of rows are answered, as the report of a fit shows it."""

from __future__ import annotations

from headstart.comparison.formats import NOTHING, range_of
from headstart.metrics import written
from headstart.reports.figures.drawing import DataTable
from headstart.stats.group_scores import GroupScores


def scores_by_group(found: GroupScores) -> DataTable:
    """Return the score of each group, the worst first; of many groups the worst and the best one."""
    return DataTable(
        headings=("group", found.metric, "95 % interval", "rows"),
        rows=tuple(
            (
                each.name,
                written(found.metric, each.score),
                NOTHING if each.interval is None else range_of(found.metric, each.interval),
                each.rows_text,
            )
            for each in found.shown
        ),
    )
