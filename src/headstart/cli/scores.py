"""How scores read in a terminal, with what the best constant answer would reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from headstart.metrics import ERRORS, written
from headstart.shown_text import as_name

if TYPE_CHECKING:
    from headstart.stats.class_scores import ClassScores
    from headstart.stats.group_scores import GroupScores

MOST_CLASSES = 20
"""Classes that are shown; of more of them those that a model does worst on."""


def scores_text(scores: Mapping[str, float]) -> str:
    """Return scores in one line, the main one first."""
    return ", ".join(f"{name} {written(name, score)}" for name, score in scores.items())


def constant_text(scores: Mapping[str, float]) -> str:
    """Return what the best constant answer reaches: in the main metric, and in errors, which say little without it."""
    main = next(iter(scores))
    shown = {name: score for name, score in scores.items() if name == main or name in ERRORS}
    return f"the best constant answer: {scores_text(shown)}"


def class_table(classes: Sequence[ClassScores]) -> Table:
    """Return how well a model does on each class, times 100, in the classes' order."""
    shown = list(classes)
    if len(classes) > MOST_CLASSES:
        worst = sorted((each for each in classes if each.num_rows), key=lambda each: each.f1)[:MOST_CLASSES]
        shown = [each for each in classes if each in worst]
    is_cut = len(shown) < len(classes)
    title = f"the {len(shown)} of {len(classes)} classes with the lowest F1" if is_cut else None
    table = Table("class", box=None, title=title, title_justify="left", title_style="")
    for heading in ("precision", "recall", "F1", "rows", "answered"):
        table.add_column(heading, justify="right")
    for each in shown:
        scores = (f"{100 * score:.1f}" for score in (each.precision, each.recall, each.f1))
        table.add_row(as_name(each.name), *scores, str(each.num_rows), str(each.num_answered))
    return table


def group_table(found: GroupScores) -> Table:
    """Return how well a model does on each group, the worst first; of many groups the worst and the best one."""
    shown, num_groups = found.shown, len(found.groups)
    title = f"the worst {len(shown) - 1} of {num_groups} groups, and the best" if len(shown) < num_groups else None
    table = Table("group", box=None, title=title, title_justify="left", title_style="")
    for heading in (found.metric, "95 % interval", "rows"):
        table.add_column(heading, justify="right")
    for each in shown:
        limits = [] if each.interval is None else [each.interval.low, each.interval.high]
        interval = ", ".join(written(found.metric, limit) for limit in limits)
        table.add_row(
            as_name(each.name), written(found.metric, each.score), interval and f"[{interval}]", each.rows_text
        )
    return table
