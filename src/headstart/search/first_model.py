"""The first model: a head that is fitted in seconds, on the vector that suits the table best.

Which vector, and which way to fit, inner folds decide together. What is slower has to be better than this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headstart.data.examples import Split
from headstart.errors import UsageError
from headstart.experiments.model_facts import model_facts
from headstart.experiments.run_data import RunData
from headstart.fitted.fit import fit_head
from headstart.fitted.fitted_head import FittedHead
from headstart.losses import LossConfig
from headstart.models.loading import load_config
from headstart.models.text_config import text_config
from headstart.registry import Spec
from headstart.search.candidates import LINEAR, MANY_CLASSES, NATIVE
from headstart.search.trials import Candidate, Trials, Use
from headstart.tasks.task import Task
from headstart.training.fitted_head import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A vector and a way to fit a head on it.

    Attributes:
        loss: on inner folds, as `FittedHead.loss`; None where not tried, or rows are too few for folds.
    """

    head: Spec
    method: str
    loss: float | None = None

    @property
    def candidate(self) -> Candidate:
        """This, as something that can be trained."""
        return Candidate(name="fitted head", strategy=Spec("linear_probe", (("fit", self.method),)), head=self.head)


def choose_fit(trials: Trials, asked: Spec | None) -> tuple[Fit, ...]:
    """Return vectors with ways to fit a head on them, the best on inner folds of the training rows first.

    The lowest log loss is the best: with few rows it tells more than answers that are right or wrong. Ties stay in the
    order of `heads_to_try` and `methods_to_try`. Empty where no head can be fitted to this kind of answer. A single one
    is not tried.

    Args:
        trials: make the runs.
        asked: the head to use; None for any.
    """
    data = trials.data
    task, train = data.task, data.training
    heads = [head for head in heads_to_try(task, asked, _num_layers(trials)) if _can_be_fitted(trials, head)]
    fits = [Fit(head=head, method=method) for head in heads for method in methods_to_try(task)]
    if len(fits) < 2:
        return tuple(fits)
    # The rows of the last training hold the training rows first: the one pass over them serves for both.
    last = _run_data(trials, heads[0])
    vectors, loss = last.vectors(heads, "train"), last.run.experiment.training.loss
    tried = [replace(fit, loss=_inner_loss(task, train, vectors[fit.head], fit.method, loss)) for fit in fits]
    return tuple(sorted(tried, key=lambda fit: math.inf if fit.loss is None else fit.loss))


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


def _inner_loss(task: Task, rows: Split, vectors: NDArray[np.float32], method: str, loss: LossConfig) -> float | None:
    """Return the loss on the rows outside of the folds that chose the strength; None with too few for folds.

    `vectors` are those of the rows, and maybe of more behind them.
    """
    found = fit_on(task, rows, vectors[: len(rows)], method, loss).loss
    return None if math.isnan(found) else found


def fit_on(task: Task, rows: Split, vectors: NDArray[np.float32], method: str, loss: LossConfig) -> FittedHead:
    """Fit a head on the vectors [n, d] of labelled rows, in the labels' own units, with the loss's class weights."""
    targets = task.kind.label_array(rows.labels or (), task.num_labels)
    weights = counted(targets, rows.weights, loss)
    return fit_head(vectors, targets, task.kind, method, num_labels=task.num_labels, weights=weights)


def fits_native(trials: Trials) -> bool:
    """Whether the architecture's own head can be fitted on this checkpoint."""
    return _can_be_fitted(trials, NATIVE)
