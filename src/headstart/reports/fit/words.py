"""What the report of a fit says in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart import metrics
from headstart.comparison.formats import MINUS, range_of
from headstart.kinds.kind import Kind
from headstart.reports.fit.facts import CurvePoint, FitFacts

NO_ESTIMATE = (
    "Scores of trials chose the model, so they are a little too good for the best of them and no estimate of how good "
    "it is. Scores measured on different numbers of rows are not compared."
)


def written_label(label: Any, kind: Kind, names: Sequence[str]) -> str:
    """Return one of the labels or decisions as people read it: a name, names, or a number."""
    if kind.has_units:
        return f"{float(label):.6g}"
    if kind.takes_several:
        return ", ".join(name for name, has in zip(names, label, strict=True) if has) or "(none)"
    return names[int(label)]


def written_score(metric: str, score: float) -> str:
    """Return a metric's score as people read it."""
    return metrics.written(metric, score).replace("-", MINUS)


def sentence(clause: str) -> str:
    """Return a clause as a sentence: with a capital letter, and a full stop at its end."""
    return f"{clause[:1].upper()}{clause[1:].removesuffix('.')}."


def score_sentence(facts: FitFacts) -> str:
    """Return what the score was measured on and how sure it is."""
    if facts.score is None:
        return "The score was not measured: no rows were kept for it."
    measured = f"Measured on {facts.num_scored:,} rows: {facts.scored_rows.rstrip('.')}."
    if facts.interval is None:
        return f"{measured} There is no interval."
    limits = range_of(facts.metric, facts.interval)
    return (
        f"{measured} The {100 * facts.interval.confidence:.0f} % interval is {limits}: it says how far the score would "
        "move with other rows of this kind."
    )


def curve_sentence(metric: str, points: Sequence[CurvePoint]) -> str:
    """Return whether more rows are likely to help, judged by the last step of the curve; "" without a curve."""
    if len(points) < 2:
        return ""
    before, last = points[-2], points[-1]
    is_error = metric in metrics.ERRORS
    gain = before.score - last.score if is_error else last.score - before.score
    step = (
        f"From {before.num_rows:,} to {last.num_rows:,} training rows the score went from "
        f"{written_score(metric, before.score)} to {written_score(metric, last.score)}"
    )
    if gain <= 0:
        return f"{step}: more rows like these are not likely to help much."
    if last.interval is None:
        return f"{step}: how far chance alone moves it is not known, so it is open whether more labels would help."
    if last.interval.excludes(before.score):
        return f"{step}: it was still rising, and more labels are likely to help."
    return f"{step}: a small step beside its interval, so it is open whether more labels would help."
