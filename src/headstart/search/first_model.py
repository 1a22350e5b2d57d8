"""The first model: a head that is fitted in seconds, on the vector that suits the table best.

Which vector, and which way to fit, inner folds decide together. What is slower has to be better than this.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from headstart.data.examples import Split, joined
from headstart.data.label_rows import has_label_rows
from headstart.data.row_weights import with_mean_one
from headstart.data.together import inner_units
from headstart.errors import UsageError
from headstart.experiments.model_facts import model_facts
from headstart.experiments.run_data import RunData
from headstart.fitted.fit import fit_head
from headstart.fitted.fitted_head import FittedHead
from headstart.fitted.inner_folds import NUM_FOLDS, InnerFolds, deal_inner_folds
from headstart.fitted.losses import row_losses
from headstart.kinds.kind import Values
from headstart.losses import LossConfig
from headstart.models.loading import load_config
from headstart.models.own_heads import own_head
from headstart.models.text_config import text_config
from headstart.registry import Spec
from headstart.search.candidates import LINEAR, MANY_CLASSES, NATIVE
from headstart.search.clock import Clock
from headstart.search.trials import Candidate, Trials, Use
from headstart.tasks.task import Task
from headstart.training.fitted_head import counted

SHARE_FOR_CHOICE = 0.4
"""Of the limit. Once it is spent no further vector and no further way to fit a head is tried."""
FEW_ROWS = 50
"""With so many rows a class its name is one more among many, and trying it would take as long as the fit itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A vector and a way to fit a head on it.

    Attributes:
        label_names: whether the classes' names are rows too.
        loss: of the table's rows on inner folds; None where not tried, or rows are too few for folds.
    """

    head: Spec
    method: str
    label_names: bool = False
    loss: float | None = None

    @property
    def candidate(self) -> Candidate:
        """This, as something that can be trained."""
        return Candidate(
            name="fitted head",
            strategy=Spec("linear_probe", (("fit", self.method),)),
            head=self.head,
            label_names=self.label_names,
        )


def choose_fit(trials: Trials, asked: Spec | None, clock: Clock) -> tuple[Fit, ...]:
    """Return vectors with ways to fit a head on them, the best on inner folds of the training rows first.

    The lowest log loss is the best: with few rows it tells more than answers that are right or wrong. Ties stay in the
    order of `heads_to_try` and `methods_to_try`. Empty where no head can be fitted to this kind of answer. A single one
    is not tried, nor what there is no time for; these come last.

    Args:
        trials: make the runs.
        asked: the head to use; None for any.
        clock: of the call.
    """
    data = trials.data
    task, train = data.task, with_mean_one(data.training)  # as a run has them, and as names of classes weigh
    heads = [head for head in heads_to_try(task, asked, _num_layers(trials)) if _can_be_fitted(trials, head)]
    tries_names = _tries_names(task, len(train))
    fits = [
        Fit(head=head, method=method, label_names=names)
        for names in ((True, False) if tries_names else (False,))
        for head in heads
        for method in methods_to_try(task)
    ]
    if len(fits) < 2:
        return tuple(fits)
    # The rows of the last training hold the training rows first, and names last: one pass over them serves for all.
    last = _run_data(trials, heads[0], label_names=tries_names)
    loss, names = last.run.experiment.training.loss, last.train.take(range(len(last.own_train), len(last.train)))
    inner = inner_folds(task, train)
    tried = []
    for fit, vectors in _with_vectors(fits, last, clock):
        tried.append(replace(fit, loss=_inner_loss(task, train, inner, names, vectors, fit, loss)))
    best = sorted(tried, key=lambda fit: math.inf if fit.loss is None else fit.loss)
    return (*best, *fits[len(tried) :])


def _with_vectors(fits: Sequence[Fit], data: RunData, clock: Clock) -> Iterator[tuple[Fit, NDArray[np.float32]]]:
    """Give each fit with its vectors of the training rows [n, d], as long as there is time."""
    for _, group in groupby(fits, lambda fit: _reads_apart(fit.head)):
        in_one_pass = list(group)
        if clock.is_past(SHARE_FOR_CHOICE):
            return
        vectors = data.vectors(list(dict.fromkeys(fit.head for fit in in_one_pass)), "train")
        for fit in in_one_pass:
            if clock.is_past(SHARE_FOR_CHOICE):
                return
            yield fit, vectors[fit.head]


def _reads_apart(head: Spec) -> bool:
    """Whether the two texts of a pair go through the model one by one: that is another pass over the rows."""
    design = own_head(head)
    return design is not None and design.reads_apart


def _num_layers(trials: Trials) -> int:
    """Return how many layers the model has; 1 where its configuration does not say."""
    config = text_config(load_config(model_facts(trials.asked, trials.data.task).source))
    return getattr(config, "num_hidden_layers", 1)


def usual_fit(trials: Trials) -> Fit | None:
    """Return the usual way to fit a head on the vector that the checkpoint says to read; None where none can be."""
    fit = Fit(head=LINEAR, method=methods_to_try(trials.data.task)[0])
    return fit if _can_be_fitted(trials, fit.head) else None


def heads_to_try(task: Task, asked: Spec | None, num_layers: int) -> tuple[Spec, ...]:
    """Return heads that read different vectors, first what the checkpoint says.

    With many classes it is this one, and at unit length: there a longer vector costs time and brings nothing. The
    middle layer knows what the last ones of a sentence encoder were trained to forget, word order for one.

    Source: Tenney et al. (ACL 2019), "BERT Rediscovers the Classical NLP Pipeline"; Liu et al. (NAACL 2019).
    """
    if asked is not None:
        return (asked,)
    heads = [LINEAR, Spec("linear", (("unit", True),))]
    if task.num_labels > MANY_CLASSES:
        return tuple(heads)
    heads.append(Spec("linear", (("layers", 4), ("pooling", "mean"))))
    if num_layers > 1:
        heads.append(Spec("linear", (("pooling", "mean"), ("skip_last", num_layers // 2))))
    if len(task.text_columns) == 2:
        heads.append(Spec("linear", (("pair", "apart"), ("pooling", "mean"), ("unit", True))))
    return tuple(heads)


def _tries_names(task: Task, num_rows: int) -> bool:
    """Whether the classes' names may be worth a row each: where there are many classes with few rows."""
    return task.num_labels > MANY_CLASSES and num_rows < FEW_ROWS * task.num_labels and has_label_rows(task)


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


def _run_data(trials: Trials, head: Spec, *, label_names: bool = False) -> RunData:
    fit = Fit(head=head, method=methods_to_try(trials.data.task)[0], label_names=label_names)
    return RunData.of(trials.run(fit.candidate, Use.FINAL, trials.seed), trials.cache)


def _inner_loss(
    task: Task, rows: Split, inner: InnerFolds, names: Split, vectors: NDArray[np.float32], fit: Fit, loss: LossConfig
) -> float | None:
    """Return the loss on the table's rows by heads fitted without them; None with too few for folds.

    `vectors` are those of the rows, maybe of more behind them, and at the end of the names.
    """
    num_names = len(names) if fit.label_names else 0
    trained_on = joined(rows, names) if num_names else rows
    known = np.concatenate([vectors[: len(rows)], vectors[len(vectors) - num_names :]])
    held_out = fit_on(task, trained_on, known, fit.method, loss, inner=inner).held_out
    if held_out is None:
        return None
    targets, weights = _targets(task, rows, loss)
    return float(np.average(row_losses(task.kind, held_out, targets), weights=weights))


def fit_on(
    task: Task,
    rows: Split,
    vectors: NDArray[np.float32],
    method: str,
    loss: LossConfig,
    *,
    inner: InnerFolds,
) -> FittedHead:
    """Fit a head on the vectors [n, d] of labelled rows, in the labels' own units, with the loss's class weights.

    The last rows may have no inner fold: they are in every inner fit.
    """
    targets, weights = _targets(task, rows, loss)
    return fit_head(vectors, targets, task.kind, method, num_labels=task.num_labels, weights=weights, inner=inner)


def inner_folds(task: Task, rows: Split) -> InnerFolds:
    """Return the inner folds of a task's labelled rows, which hold out whole units."""
    targets = task.kind.label_array(rows.labels or (), task.num_labels)
    return deal_inner_folds(task.kind, targets, units=inner_units(rows, NUM_FOLDS))


def _targets(task: Task, rows: Split, loss: LossConfig) -> tuple[Values, NDArray[np.float64]]:
    """Return the right answers of rows, and how much each row counts [n]."""
    targets = task.kind.label_array(rows.labels or (), task.num_labels)
    return targets, counted(targets, rows.weights, loss)


def fits_native(trials: Trials) -> bool:
    """Whether the architecture's own head can be fitted on this checkpoint."""
    return _can_be_fitted(trials, NATIVE)
