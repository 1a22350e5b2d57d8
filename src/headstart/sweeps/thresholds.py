"""Thresholds of labels, tuned on held-out answers after the training, and what they make of its score.

Letters: n rows, c classes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from headstart import metrics
from headstart.artifacts.temperature import Temperature
from headstart.artifacts.thresholds import Thresholds
from headstart.errors import UsageError
from headstart.experiments.run import SAYS_NOTHING
from headstart.experiments.stored_answers import StoredAnswers
from headstart.kinds.kind import Kind
from headstart.stats.thresholds import cross_fitted_decisions, is_enough, tuned_thresholds
from headstart.store.record import RunRecord
from headstart.tasks.task import Task


def require_tunable(task: Task, *, is_private: bool, has_held_out: bool) -> None:
    """Refuse thresholds where they have no effect, or nothing to be tuned on.

    Args:
        task: whose rows get labels.
        is_private: whether what is published of the training is accounted for.
        has_held_out: whether there are rows that the training does not learn from.

    Raises:
        UsageError: with the reason.
    """
    if not task.kind.takes_several:
        raise UsageError(
            "`tune_thresholds` would have no effect: a row has one answer here, the most probable one",
            remedy="  Leave it out.",
        )
    if task.num_labels == 1:
        raise UsageError(
            "`tune_thresholds` needs two labels or more: runs keep no probabilities of a single one",
            remedy="  Leave it out.",
        )
    if is_private:
        raise UsageError(
            "`tune_thresholds` does not go with `dp`: thresholds tell of rows, and that is not accounted for",
            remedy="  Leave one of them out.",
        )
    if not has_held_out:
        raise UsageError(
            "`tune_thresholds` needs rows that the model does not learn from, and here it learns from all",
            remedy="  Leave `strategy` at auto, which holds some out.",
        )


def tune(held_out: StoredAnswers, temperature: Temperature | None) -> Thresholds:
    """Return the thresholds that held-out answers ask for.

    Args:
        held_out: answers of this training, as it was trained, to rows that it did not learn from.
        temperature: that the head has taken up since; the thresholds are those of its probabilities.
    """
    trained, labels = _probabilities(held_out), np.asarray(held_out.labels, dtype=np.int64)
    decided = decided_out_of_fold(held_out).decisions
    return Thresholds(
        values=_tempered(tuned_thresholds(trained, labels, held_out.units), temperature),
        num_rows=len(held_out),
        num_kept=sum(not is_enough(has_it, held_out.units) for has_it in labels.T == 1),
        macro_f1=metrics.macro_f1(labels, decided),
        macro_f1_at_half=metrics.macro_f1(labels, held_out.decisions),
    )


def decided_out_of_fold(held_out: StoredAnswers) -> StoredAnswers:
    """Return held-out answers with decisions by thresholds that were tuned without the unit that is decided."""
    decisions = cross_fitted_decisions(_probabilities(held_out), held_out.labels, held_out.units)
    return replace(held_out, decisions=decisions)


def with_scores_out_of_fold(record: RunRecord, decided: StoredAnswers, kind: Kind) -> RunRecord:
    """Return the record of a run with what held-out rows say of it that `decided_out_of_fold` decided.

    That is the scores, and whether the decisions are all the same: at one half they may have been, or not.
    """
    says_nothing = kind.says_nothing(decided.labels, _probabilities(decided), decided.decisions)
    others = [warning for warning in record.warnings if warning != SAYS_NOTHING]
    return replace(
        record,
        scores=metrics.compute(tuple(record.scores), decided.labels, decided.decisions),
        is_degenerate=says_nothing,
        warnings=(*([SAYS_NOTHING] if says_nothing else []), *others),
    )


def _probabilities(held_out: StoredAnswers) -> NDArray[np.float64]:
    if held_out.probabilities is None:
        raise ValueError("thresholds are tuned on probabilities")
    return held_out.probabilities


def _tempered(thresholds: tuple[float, ...], temperature: Temperature | None) -> tuple[float, ...]:
    """Return thresholds as they are once logits are divided by a temperature."""
    if temperature is None or temperature.value is None:
        return thresholds
    values = np.asarray(thresholds)
    with np.errstate(divide="ignore", over="ignore"):
        log_odds = np.log(values) - np.log1p(-values)
        tempered = 1 / (1 + np.exp(-log_odds / temperature.value))
    return tuple(float(value) for value in tempered)
