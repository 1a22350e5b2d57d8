"""What a stage ends with, scored on the rows to report on and on those of other tasks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import torch

from headstart.data.tokenisation import TokenizedSplit
from headstart.experiments.run_data import RunData
from headstart.experiments.scoring import Scored, score, write_predictions
from headstart.experiments.witness import StageEnd, Witness
from headstart.inference.forward import batched_logits
from headstart.inference.passes import PassSize
from headstart.losses import RAW
from headstart.store.layout import RunFolder
from headstart.store.record import StageRecord
from headstart.tasks.task import Task


def fp32_logits(data: RunData, model: torch.nn.Module, tokens: TokenizedSplit) -> torch.Tensor:
    """Return a model's logits of rows, always in fp32."""
    device = data.run.experiment.training.device
    return batched_logits(model, tokens, data.collator, size=PassSize.usual(device), precision="fp32", device=device)


def scored(
    data: RunData, model: torch.nn.Module, task: Task, tokens: TokenizedSplit, groups: Sequence[str] | None
) -> Scored:
    """Return a model's answers to rows of a task, and their scores."""
    logits = fp32_logits(data, model, tokens)
    if data.scale != RAW:
        logits = data.scale.raw(logits)
    return score(task, logits, tokens.labels or [], groups)


def evaluated(data: RunData, run_folder: RunFolder) -> tuple[Witness, ...]:
    """Return what looks at a stage where only its score is wanted."""
    return (Evaluation(data, run_folder),)


def evaluated_at_the_end(data: RunData, run_folder: RunFolder) -> tuple[Witness, ...]:
    """Return what looks at a stage where only the score of the run's end is wanted."""
    return (Evaluation(data, run_folder, only_last=True),)


class Evaluation(Witness):
    """Scores the end of each stage or of the last one, and keeps the last one's answers in the run's folder.

    Attributes:
        scored: the answers on the reported rows; None before the stage's end, and in runs that do not report.
    """

    def __init__(self, data: RunData, run_folder: RunFolder, *, only_last: bool = False) -> None:
        self._data, self._run_folder, self._only_last = data, run_folder, only_last
        self.scored: Scored | None = None

    def after(self, end: StageEnd, record: StageRecord) -> StageRecord:
        """Score the reported rows, and at the run's end those of other tasks."""
        begin = time.perf_counter()
        split, others = self._data.run.experiment.evaluation.split, self._data.run.evaluate_on if end.is_last else ()
        if end.stage.loss is not None:
            return record  # Its head has not been trained.
        if (split is None and not others) or (self._only_last and not end.is_last):
            return record
        data, model = self._data, end.final_model()
        if split is not None:
            self.scored = scored(data, model, data.task, data.tokens("report"), data.report.groups)
            if end.is_last:
                write_predictions(self.scored, self._run_folder.predictions(split), data.report)
        other_scores, degenerate_others = {}, []
        for other in others:
            rows = data.other(other)
            found = scored(data, model, rows.task, data.other_tokens(other), rows.evaluation.groups)
            write_predictions(found, self._run_folder.predictions(other.name), rows.evaluation)
            other_scores[other.name] = found.scores
            if found.says_nothing:
                degenerate_others.append(other.name)
        return replace(
            record,
            scores=self.scored.scores if self.scored else {},
            other_scores=other_scores,
            degenerate_others=tuple(degenerate_others),
            is_degenerate=self.scored is not None and self.scored.says_nothing,
            evaluation_seconds=time.perf_counter() - begin,
        )
