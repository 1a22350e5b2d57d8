"""What the report of a search says: gathered from its runs, its rows, and heads fitted on frozen vectors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow.parquet
import torch
from numpy.typing import NDArray

from headstart.data.examples import Split
from headstart.data.holdout import hold_out
from headstart.errors import UsageError
from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData
from headstart.fitted.fitted_head import FittedHead
from headstart.fitted.out_of_fold import out_of_fold
from headstart.kinds.kind import Answers, Values
from headstart.metrics import compute
from headstart.reports.fit.facts import AnsweredRows, CurvePoint, FitFacts, Tried
from headstart.search.find_best import Best, Search
from headstart.search.first_model import Fit, fit_on
from headstart.search.race import Tried as TriedCandidate
from headstart.search.trials import Use
from headstart.stats.score_interval import interval_of_rows
from headstart.store.record import RunRecord

CURVE_SHARES = (0.125, 0.25, 0.5, 1.0)
CURVE_SEED = 3
SCORED_ROWS = "rows cut off before anything was tried"
GIVEN_ROWS = "validation rows that chose nothing"


def facts_of(search: Search, best: Best, record: RunRecord, title: str) -> FitFacts | None:
    """Return what the report says of a search; None where there are no rows that chose nothing.

    Args:
        search: that was done.
        best: what it found.
        record: of the model that was written.
        title: of the page.
    """
    if best.scored is None:
        return None
    trials = search.trials
    run = trials.run(best.result.taken, Use.SCORE, trials.seed)
    data = RunData.of(run, trials.cache)
    task, held_out = data.task, _held_out(search, run, data)
    return FitFacts(
        title=title,
        task=task.name,
        kind=task.kind,
        class_names=task.labels if task.kind.has_classes else (),
        text_columns=task.text_columns,
        metric=task.main_metric,
        score=best.scored.scores[task.main_metric],
        interval=interval_of_rows(task.main_metric, held_out.labels, held_out.decisions(task.kind)),
        num_scored=len(held_out),
        scored_rows=SCORED_ROWS if trials.cut_off else GIVEN_ROWS,
        model=record.model,
        num_training_rows=len(RunData.of(best.final[0], trials.cache).train),
        tried=tuple(_tried(each, best) for each in best.result.tried),
        reason=best.result.reason,
        curve=tuple(_curve(data, best.fits[0])) if best.fits else (),
        held_out=held_out,
        out_of_fold=_out_of_fold(data, best.fits[0]) if best.fits else None,
        notes=tuple(record.warnings),
    )


def _held_out(search: Search, run: Run, data: RunData) -> AnsweredRows:
    path = search.store.run_folder(run.experiment.digest, run.seed).predictions(str(run.experiment.evaluation.split))
    table = pyarrow.parquet.read_table(path)
    probabilities = [name for name in table.column_names if name.startswith("probability_")]
    columns = [table[name].to_numpy() for name in (probabilities or ["predicted"])]
    return _answered(data, data.report, np.stack(columns, axis=1).astype(np.float64))


def _answered(data: RunData, rows: Split, answers: Answers) -> AnsweredRows:
    texts = rows.texts if rows.choices is None else [(*a, *b) for a, b in zip(rows.texts, rows.choices, strict=True)]
    return AnsweredRows(
        numbers=rows.numbers or range(len(rows)),
        texts=texts,
        labels=data.task.kind.label_array(rows.labels or (), data.task.num_labels),
        answers=answers,
    )


def _tried(tried: TriedCandidate, best: Best) -> Tried:
    candidate = next(each for each in best.plan.candidates if each.name == tried.name)
    return Tried(
        label=f"{tried.name}: {candidate.words}",
        score=tried.score,
        interval=None,
        num_rows=tried.num_rows,
        num_updates=tried.num_steps,
        seconds=tried.seconds,
        is_chosen=tried.name == best.result.taken.name,
        note=tried.problem,
    )


def _curve(data: RunData, fit: Fit) -> Iterator[CurvePoint]:
    """Yield what a head fitted on ever more of the training rows scores on the rows that chose nothing."""
    task, vectors = data.task, data.vectors([fit.head], "train")[fit.head]
    outside = data.vectors([fit.head], "report")[fit.head]
    right = task.kind.label_array(data.report.labels or (), task.num_labels)
    for share in CURVE_SHARES:
        try:
            rows = _share(data.train, share)
        except UsageError:
            continue
        decided = _decisions(data, _fitted(data, rows, vectors, fit).logits(outside))
        scores = compute([task.main_metric], right, decided, data.report.groups)
        yield CurvePoint(
            num_rows=len(rows),
            score=scores[task.main_metric],
            interval=interval_of_rows(task.main_metric, right, decided),
        )


def _share(rows: Split, share: float) -> Split:
    numbered = rows.with_columns(place=tuple(range(len(rows))))
    return numbered if share == 1 else hold_out(numbered, share, CURVE_SEED)[1]


def _out_of_fold(data: RunData, fit: Fit) -> AnsweredRows | None:
    """Return the training rows with the answers of heads that were fitted without them; None with too few for folds."""
    rows, task = data.train, data.task
    vectors = data.vectors([fit.head], "train")[fit.head]
    targets = task.kind.label_array(rows.labels or (), task.num_labels)
    answers = out_of_fold(vectors, rows.texts, targets, task.kind, num_labels=task.num_labels, method=fit.method)
    return None if answers is None else _answered(data, rows, answers)


def _fitted(data: RunData, rows: Split, vectors: NDArray[np.float32], fit: Fit) -> FittedHead:
    return fit_on(data.task, rows, vectors[list(rows.columns["place"])], fit.method)


def _decisions(data: RunData, logits: NDArray[np.float64]) -> Values:
    kind = data.task.kind
    decided: Values = kind.decisions(kind.answers(torch.from_numpy(logits))).numpy()
    return decided
