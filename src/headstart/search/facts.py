"""What the report of a search says: gathered from its runs, its rows, and heads fitted on frozen vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from headstart.artifacts.model_info import read_info
from headstart.comparison.formats import plural
from headstart.data.examples import Split
from headstart.data.holdout import hold_out
from headstart.data.row_groups import GroupColumn
from headstart.data.together import Units, independent_units, inner_units
from headstart.errors import UsageError
from headstart.experiments.run_data import RunData
from headstart.experiments.scoring import score
from headstart.fitted.inner_folds import NUM_FOLDS
from headstart.fitted.out_of_fold import out_of_fold
from headstart.kinds.kind import Answers
from headstart.media.modality import Modality
from headstart.reports.fit.facts import AnsweredRows, CurvePoint, FitFacts
from headstart.search.find_best import Best, Search
from headstart.search.first_model import Fit, fit_on, inner_folds, usual_fit
from headstart.search.reported import reported_answers
from headstart.search.trials import Candidate
from headstart.stats.group_scores import GroupScores, group_scores
from headstart.stats.intervals import Interval
from headstart.stats.score_interval import interval_of_rows
from headstart.store.record import RunRecord
from headstart.sweeps.thresholds import decided_out_of_fold
from headstart.tasks.task import Task

CURVE_SHARES = (0.125, 0.25, 0.5, 1.0)
CURVE_SEED = 3
CURVE_OF = "heads fitted on frozen vectors"
SCORED_ROWS = "rows cut off before anything was tried"
GIVEN_ROWS = "validation rows that chose nothing"


def facts_of(
    search: Search, best: Best, record: RunRecord, folder: Path, *, groups: GroupColumn | None = None
) -> FitFacts:
    """Return what the report says of a search; without a score where there are no rows that chose nothing.

    Args:
        search: that was done.
        best: what it found.
        record: of the model that was written.
        folder: where it was written.
        groups: of the rows, to be scored apart; None for none.
    """
    _, info = read_info(folder)
    trials = search.trials
    data = RunData.of(best.scored_run or best.final[0], trials.cache)
    task, fit = data.task, best.fits[0] if best.fits else usual_fit(trials)
    held_out = _held_out(search, best, data, has_thresholds=info.thresholds is not None)
    return FitFacts(
        title=folder.name,
        task=task.name,
        kind=task.kind,
        class_names=task.labels if task.kind.has_classes else (),
        text_columns=task.text_columns,
        metric=task.main_metric,
        score=None if best.scored is None else record.scores[task.main_metric],
        interval=None if held_out is None else _interval(task, held_out, independent_units(data.report)),
        num_scored=0 if held_out is None else len(held_out),
        scored_rows=SCORED_ROWS if trials.cut_off else GIVEN_ROWS,
        model=record.model,
        num_training_rows=len(RunData.of(best.final[0], trials.cache).own_train),
        tried=best.race.tried,
        reason=best.race.reason,
        curve=() if fit is None or held_out is None else tuple(_curve(data, fit)),
        curve_of="" if fit is None or _is_fitted_so(best.result.taken, fit) else CURVE_OF,
        held_out=held_out,
        out_of_fold=None if fit is None else _out_of_fold(data, fit),
        temperature="" if info.temperature is None or info.temperature.value is None else str(info.temperature),
        thresholds="" if info.thresholds is None else info.thresholds.listed(task.labels),
        by_group=None if held_out is None or groups is None else _by_group(data, held_out, groups),
        modality=task.modality,
        notes=(
            *record.warnings,
            *([best.race.out_of_time] if best.race.out_of_time else []),
            *([] if held_out is None else _unit_notes(data.report)),
        ),
    )


def _is_fitted_so(taken: Candidate, fit: Fit) -> bool:
    """Whether the winner is the head that a curve is measured with."""
    return (taken.strategy, taken.head, taken.label_names) == (fit.candidate.strategy, fit.candidate.head, False)


def _held_out(search: Search, best: Best, data: RunData, *, has_thresholds: bool) -> AnsweredRows | None:
    found = reported_answers(best, search.store, search.trials.cache)
    if found is None:
        return None
    numbers = found.decisions.reshape(len(found), -1).astype(np.float64)
    rows = _answered(data, data.report, numbers if found.probabilities is None else found.probabilities)
    return replace(rows, decided=decided_out_of_fold(found).decisions) if has_thresholds else rows


def _interval(task: Task, rows: AnsweredRows, units: Units) -> Interval | None:
    return interval_of_rows(task.main_metric, rows.labels, rows.decisions(task.kind), units)


def _unit_notes(rows: Split) -> Iterator[str]:
    """Say which rows count as one."""
    number = len(set(independent_units(rows)))
    if number < len(rows):
        units = plural(number, "different text" if rows.groups is None else "group")
        counted = "the interval counts these as the independent ones"
        none = "other rows may score quite differently, and no interval can say by how much"
        yield f"the {len(rows)} scored rows are of {units}: {counted if number > 1 else none}"


def _by_group(data: RunData, rows: AnsweredRows, groups: GroupColumn) -> GroupScores:
    task = data.task
    names = groups.of_rows(str(data.run.experiment.evaluation.split), rows.numbers)
    units = independent_units(data.report)
    return group_scores(task.main_metric, rows.labels, rows.decisions(task.kind), names, units=units)


def _answered(data: RunData, rows: Split, answers: Answers) -> AnsweredRows:
    texts = rows.texts if rows.choices is None else [(*a, *b) for a, b in zip(rows.texts, rows.choices, strict=True)]
    return AnsweredRows(
        numbers=rows.numbers or range(len(rows)),
        texts=texts,
        labels=data.task.kind.label_array(rows.labels or (), data.task.num_labels),
        answers=answers,
        images=_images(data.task, rows),
    )


def _images(task: Task, rows: Split) -> tuple[str, ...]:
    return tuple(file.path for file in rows.files or ()) if task.modality is Modality.IMAGE else ()


def _curve(data: RunData, fit: Fit) -> Iterator[CurvePoint]:
    """Yield what a head fitted on ever more of the training rows scores on the rows that chose nothing."""
    task, vectors = data.task, data.vectors([fit.head], "train")[fit.head]
    outside = data.vectors([fit.head], "report")[fit.head]
    for share in CURVE_SHARES:
        try:
            rows = _share(data.own_train, share)
        except UsageError:
            continue
        head = fit_on(
            task,
            rows,
            vectors[list(rows.columns["place"])],
            fit.method,
            data.run.experiment.training.loss,
            inner=inner_folds(task, rows),
        )
        logits = torch.from_numpy(head.logits(outside))
        found = score(task, logits, data.report.labels or (), data.report.groups)
        yield CurvePoint(
            num_rows=len(rows),
            score=found.scores[task.main_metric],
            interval=interval_of_rows(task.main_metric, found.labels, found.decisions, independent_units(data.report)),
        )


def _share(rows: Split, share: float) -> Split:
    numbered = rows.with_columns(place=tuple(range(len(rows))))
    return numbered if share == 1 else hold_out(numbered, share, CURVE_SEED)[1]


def _out_of_fold(data: RunData, fit: Fit) -> AnsweredRows | None:
    """Return the training rows with the answers of heads that were fitted without them; None with too few for folds."""
    rows, task = data.own_train, data.task
    vectors = data.vectors([fit.head], "train")[fit.head][: len(rows)]
    targets = task.kind.label_array(rows.labels or (), task.num_labels)
    # The name of a file, and of its folder, would give its label away.
    texts = [()] * len(rows) if task.modality.is_file else rows.texts
    answers = out_of_fold(
        vectors,
        texts,
        targets,
        task.kind,
        num_labels=task.num_labels,
        units=inner_units(rows, NUM_FOLDS),
        method=fit.method,
    )
    return None if answers is None else _answered(data, rows, answers)
