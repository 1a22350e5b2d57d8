"""The page of a fit as values: what the template writes, in the order in which it stands there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from headstart import metrics
from headstart.comparison.formats import NOTHING, duration
from headstart.kinds.kind import Kind
from headstart.media.thumbnails import thumbnail
from headstart.reports.figures.answered_numbers import answered_numbers_figure
from headstart.reports.figures.confusion import confusion_figure
from headstart.reports.figures.drawing import DataTable, Figure
from headstart.reports.figures.reliability import reliability_figure
from headstart.reports.figures.training_rows import training_rows_figure
from headstart.reports.fit.classes import ClassScore, class_scores, confusions
from headstart.reports.fit.facts import AnsweredRows, FitFacts, Tried
from headstart.reports.fit.groups import scores_by_group
from headstart.reports.fit.mistakes import Mistake, mistakes
from headstart.reports.fit.suspects import Suspect, judged, suspects, why_unjudged
from headstart.reports.fit.words import curve_sentence, score_sentence, sentence, written_score
from headstart.stats.calibration import Calibration, calibration
from headstart.tasks.constants import best_constant

MOST_SUSPECTS = 50
"""Rows that the page shows; the file of suspects has them all."""
MOST_CLASSES = 20
"""Classes that are shown at once; the others open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedView:
    """One way to train as text, and whether it was chosen."""

    label: str
    cells: tuple[str, ...]
    note: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One row of the table as text: its number from 1, its label, what is said instead, and how surely, or "".

    `picture` is a small one of its image as a data URI; "" without one.
    """

    number: str
    texts: tuple[str, ...]
    label: str
    other: str
    size: str
    picture: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitPage:
    """The whole page.

    Attributes:
        score: as text, with its interval in `sentence`.
        tried_headings: above the cells of each of `tried`.
        constant: the score of the best constant answer to the same rows; "" where they are not there.
        others: every metric of the kind, with its best constant answer.
        by_group: the score of each group of rows, the worst first; `gap`: what lies between them, in a sentence.
        suspects: those that are shown, of `num_suspects` among `num_judged` rows.
        unjudged: why no row was judged, as a clause; "" where some were.
        agreement: share of these rows whose label is what out-of-fold models answer, in %; "" for numbers.
    """

    facts: FitFacts
    score: str
    sentence: str
    constant: str
    others: DataTable | None
    by_group: DataTable | None
    gap: str
    tried_headings: tuple[str, ...]
    tried: tuple[TriedView, ...]
    curve: Figure | None
    curve_sentence: str
    classes: tuple[ClassScore, ...]
    answers_figure: Figure | None
    calibration: Calibration | None
    reliability: Figure | None
    mistakes: tuple[RowView, ...]
    suspects: tuple[RowView, ...]
    num_suspects: int
    num_judged: int
    unjudged: str
    agreement: str

    @property
    def has_pictures(self) -> bool:
        """Whether a row has a picture of its image."""
        return any(row.picture for row in (*self.mistakes, *self.suspects))


def build_fit_page(facts: FitFacts) -> FitPage:
    """Return the page of a fit."""
    rows, names = facts.held_out, facts.answer_names
    has_rows = rows is not None and len(rows) > 0
    held_out = rows if has_rows else None
    found = suspects(facts)
    calibrated = _calibration(held_out, facts.kind)
    return FitPage(
        facts=facts,
        score=NOTHING if facts.score is None else written_score(facts.metric, facts.score),
        sentence=score_sentence(facts),
        constant=_constant(held_out, facts),
        others=_metrics_table(held_out, facts),
        by_group=None if facts.by_group is None else scores_by_group(facts.by_group),
        gap="" if facts.by_group is None else sentence(facts.by_group.gap_text),
        tried_headings=tried_headings(facts.metric),
        tried=tried_views(facts.metric, facts.tried),
        curve=training_rows_figure("training-rows", facts.metric, facts.curve),
        curve_sentence=curve_sentence(facts.metric, facts.curve),
        classes=class_scores(held_out, facts.kind, names) if held_out is not None and facts.kind.has_classes else (),
        answers_figure=_answers_figure(held_out, facts.kind, names),
        calibration=calibrated,
        reliability=reliability_figure("reliability", calibrated) if calibrated is not None else None,
        mistakes=tuple(map(_mistake_view, mistakes(held_out, facts.kind, names))) if held_out is not None else (),
        suspects=tuple(_suspect_view(each, facts.kind) for each in found[:MOST_SUSPECTS]),
        num_suspects=len(found),
        num_judged=int(judged(facts).sum()),
        unjudged=why_unjudged(facts),
        agreement=_agreement(facts),
    )


def tried_headings(metric: str) -> tuple[str, ...]:
    """Return what stands above the cells of what was tried."""
    return (metric, "folds", "rows", "updates", "time")


def tried_views(metric: str, tried: Sequence[Tried]) -> tuple[TriedView, ...]:
    """Return what was tried as text, in this order."""
    return tuple(_tried_view(each, metric) for each in tried)


def _tried_view(each: Tried, metric: str) -> TriedView:
    return TriedView(
        label=each.label,
        cells=(
            written_score(metric, each.score) if each.score is not None else NOTHING,
            f"{each.num_folds:,}",
            f"{each.num_rows:,}",
            f"{each.num_updates:,}",
            duration(each.seconds),
        ),
        note=each.note,
        is_chosen=each.is_chosen,
    )


def _agreement(facts: FitFacts) -> str:
    rows, kind, is_judged = facts.out_of_fold, facts.kind, judged(facts)
    if rows is None or not is_judged.any() or kind.has_units:
        return ""
    return f"{100 * metrics.accuracy(rows.classes[is_judged], rows.decisions(kind)[is_judged]):.0f} %"


def _mistake_view(each: Mistake) -> RowView:
    return RowView(
        number=f"{each.number + 1}",
        texts=each.texts,
        label=each.label,
        other=each.answer,
        size=each.size,
        picture=_picture(each.image),
    )


def _suspect_view(each: Suspect, kind: Kind) -> RowView:
    size = "" if kind.has_units else f"{100 * each.quality:.1f} %"
    return RowView(
        number=f"{each.number + 1}",
        texts=each.texts,
        label=each.label,
        other=each.suggested,
        size=size,
        picture=_picture(each.image),
    )


def _picture(image: str) -> str:
    return thumbnail(image) if image else ""


def _constant(rows: AnsweredRows | None, facts: FitFacts) -> str:
    return _constant_score(facts.metric, rows, facts.kind) if rows is not None else ""


def _constant_score(metric: str, rows: AnsweredRows, kind: Kind) -> str:
    if metric in metrics.BY_GROUP:
        return ""
    return written_score(metric, best_constant(kind, metric, rows.labels)[1])


def _metrics_table(rows: AnsweredRows | None, facts: FitFacts) -> DataTable | None:
    """Return the metrics of the held-out rows, that of the task first, each beside its best constant answer."""
    if rows is None:
        return None
    kind = facts.kind
    names = [name for name in dict.fromkeys((facts.metric, *kind.metrics)) if name not in metrics.BY_GROUP]
    scores = metrics.compute(names, rows.labels, rows.decisions(kind))
    return DataTable(
        headings=("metric", "this model", "best constant answer"),
        rows=tuple(
            (name, written_score(name, score), _constant_score(name, rows, kind)) for name, score in scores.items()
        ),
    )


def _answers_figure(rows: AnsweredRows | None, kind: Kind, names: Sequence[str]) -> Figure | None:
    """Return the confusion matrix, or for numbers the answers against the labels; None for several classes a row."""
    if rows is None:
        return None
    if kind.has_units:
        labels = numpy.asarray(rows.labels, dtype=numpy.float64)
        return answered_numbers_figure("numbers", labels, rows.exact_answers[:, 0])
    if kind.has_one_class:
        return confusion_figure("confusion", confusions(rows, kind, len(names)), names)
    return None


def _calibration(rows: AnsweredRows | None, kind: Kind) -> Calibration | None:
    """Return how well probabilities fit; with several classes a row, those of each class's yes and no."""
    if rows is None or kind.has_units:
        return None
    if not kind.takes_several:
        return calibration(rows.exact_answers, rows.classes)
    has = rows.exact_answers.ravel()
    return calibration(numpy.column_stack([1.0 - has, has]), rows.classes.ravel())
