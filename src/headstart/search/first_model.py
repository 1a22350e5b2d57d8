"""The first model: a head that is fitted in seconds, on the vector that suits the table best.

Which vector, and which way to fit, inner folds decide together. What is slower has to be better than this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from headstart.data.examples import Split
from headstart.errors import UsageError
from headstart.experiments.run_data import RunData
from headstart.experiments.scoring import score
from headstart.fitted.fit import fit_head
from headstart.fitted.fitted_head import FittedHead
from headstart.losses import LossConfig
from headstart.registry import Spec
from headstart.search.candidates import MANY_CLASSES, NATIVE
from headstart.search.trials import Candidate, Trials, Use
from headstart.tasks.task import Task
from headstart.training.fitted_head import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A vector and a way to fit a head on it; `score` is the main metric on inner folds, None where not tried."""

    head: Spec
    method: str
    score: float | None = None

    @property
    def candidate(self) -> Candidate:
        """This, as something that can be trained."""
        return Candidate(name="fitted head", strategy=Spec("linear_probe", (("fit", self.method),)), head=self.head)


def choose_fit(trials: Trials, asked: Spec | None) -> tuple[Fit, ...]:
    """Return vectors with ways to fit a head on them, the best on inner folds of the training rows first.

    Ties stay in the order of `heads_to_try` and `methods_to_try`. Empty where no head can be fitted to this kind of
    answer. A single one is not tried.

    Args:
        trials: make the runs.
        asked: the head to use; None for any.
    """
    data = trials.data
    task, train = data.task, data.training
    heads = [head for head in heads_to_try(task, asked) if _can_be_fitted(trials, head)]
    fits = [Fit(head=head, method=method) for head in heads for method in methods_to_try(task)]
    if len(fits) < 2:
        return tuple(fits)
    # The rows of the last training hold the training rows first: the one pass over them serves for both.
    last = _run_data(trials, heads[0])
    vectors, loss = last.vectors(heads, "train"), last.run.experiment.training.loss
    scored = [replace(fit, score=_inner_score(task, train, vectors[fit.head], fit.method, loss)) for fit in fits]
    return tuple(sorted(scored, key=lambda fit: -math.inf if fit.score is None else fit.score, reverse=True))


def usual_fit(trials: Trials) -> Fit | None:
    """Return the usual way to fit a head on the vector that the checkpoint says to read; None where none can be."""
    fit = Fit(head=Spec("linear"), method=methods_to_try(trials.data.task)[0])
    return fit if _can_be_fitted(trials, fit.head) else None


def heads_to_try(task: Task, asked: Spec | None) -> tuple[Spec, ...]:
    """Return heads that read different vectors, first what the checkpoint says.

    With many classes it is this one alone: there a longer vector costs time and brings nothing.
    """
    if asked is not None:
        return (asked,)
    if task.num_labels > MANY_CLASSES:
        return (Spec("linear"),)
    joined = Spec("linear", (("layers", 4), ("pooling", "mean")))
    apart = Spec("linear", (("pair", "apart_unit"), ("pooling", "mean")))
    return (Spec("linear"), joined, *([apart] if len(task.text_columns) == 2 else []))


def methods_to_try(task: Task) -> tuple[str, ...]:
    """Return the ways to fit a head for a task, the usual one first."""
    if task.kind.has_units:
        return ("ridge",)
    if not task.kind.picks_one or task.num_labels > MANY_CLASSES:
        return ("logistic",)
    return ("logistic", "ridge", "lda")


def _can_be_fitted(trials: Trials, head: Spec) -> bool:
    """Whether the model has such a vector, and the kind of answer a fitted head."""
    try:
        _run_data(trials, head)
    except UsageError:
        return False
    return True


def _run_data(trials: Trials, head: Spec) -> RunData:
    fit = Fit(head=head, method=methods_to_try(trials.data.task)[0])
    return RunData.of(trials.run(fit.candidate, Use.FINAL, trials.seed), trials.cache)


def _inner_score(task: Task, rows: Split, vectors: NDArray[np.float32], method: str, loss: LossConfig) -> float | None:
    """Return the main metric on the rows outside of the folds that chose the strength; None with too few for folds.

    `vectors` are those of the rows, and maybe of more behind them.
    """
    held_out = fit_on(task, rows, vectors[: len(rows)], method, loss).held_out
    if held_out is None:
        return None
    found = score(task, torch.from_numpy(held_out), rows.labels or (), rows.groups)
    return found.scores[task.main_metric]


def fit_on(task: Task, rows: Split, vectors: NDArray[np.float32], method: str, loss: LossConfig) -> FittedHead:
    """Fit a head on the vectors [n, d] of labelled rows, in the labels' own units, with the loss's class weights."""
    targets = task.kind.label_array(rows.labels or (), task.num_labels)
    weights = counted(targets, rows.weights, loss)
    return fit_head(vectors, targets, task.kind, method, num_labels=task.num_labels, weights=weights)


def fits_native(trials: Trials) -> bool:
    """Whether the architecture's own head can be fitted on this checkpoint."""
    return _can_be_fitted(trials, NATIVE)
