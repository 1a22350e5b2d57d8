"""Rows whose label looks wrong, ranked, with their texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headstart.reports.fit.facts import FitFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A row whose label looks wrong.

    Attributes:
        number: which of the table's rows it is, from 0.
        texts: of the row, as many as the task has text columns.
        label: as the table has it: names of classes, or a number.
        suggested: what models that were not trained on this row answer.
        quality: how well the label fits these answers, from 0 (not at all) to 1; the list begins with the lowest.
        is_confident: whether the label is among those that are called wrong; else it is only among the least likely.
    """

    number: int
    texts: tuple[str, ...]
    label: str
    suggested: str
    quality: float
    is_confident: bool


def suspects(facts: FitFacts) -> list[Suspect]:
    """Return the rows whose label looks wrong, the most suspicious first; none without out-of-fold answers."""
    raise NotImplementedError


def write_suspects(facts: FitFacts, path: Path) -> int:
    """Write the suspects as a CSV table, whole or not at all, and return how many there are."""
    raise NotImplementedError
