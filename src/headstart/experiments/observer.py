"""The diagnostics of one stage: what was there before the first update, what is there after the last."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headstart.data.batching import PaddingCollator, label_tensor
from headstart.data.tokenisation import TokenizedSplit
from headstart.experiments.scoring import Scored
from headstart.kinds import TaskKind
from headstart.models.outputs import answers, decisions
from headstart.stats.calibration import Calibration, calibration, cross_fitted_probabilities
from headstart.store.diagnostics import CalibrationRecord, StageDiagnostics
from headstart.training.callbacks import read_metrics
from headstart.training.diagnostics import (
    Snapshot,
    Tensors,
    angle,
    feature_change,
    flat,
    linear_cka,
    take_snapshot,
)
from headstart.training.energy import EnergyMeter
from headstart.training.losses import Objective
from headstart.training.memory import peak_memory, reset_peak_memory

TARGET_ACCURACY = 0.9
ONE_OF_SEVERAL = (TaskKind.CLASSIFICATION, TaskKind.MULTIPLE_CHOICE)
NUM_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The rows that are measured, and how they become batches."""

    tokens: TokenizedSplit
    collate: PaddingCollator
    precision: str
    device: str

    def snapshot(self, model: torch.nn.Module) -> Snapshot:
        """Return what a model says of the sample."""
        return take_snapshot(model, self.tokens, self.collate, precision=self.precision, device=self.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """What was seen before a stage's first update.

    Attributes:
        pretrained: features of the sample [n, h], from the untouched backbone.
        start: what the model said of the sample.
        head: the head's tensors as one vector.
        energy: counts since then; `joules`: what it said after the last update.
        seconds: wall time that looking took.
    """

    sample: Sample
    pretrained: torch.Tensor
    start: Snapshot
    head: torch.Tensor
    energy: EnergyMeter
    seconds: float
    joules: float | None = None

    @classmethod
    def before(
        cls,
        model: torch.nn.Module,
        head: Tensors,
        sample: Sample,
        at_start: Sample,
        pretrained: Callable[[torch.Tensor], torch.Tensor],
        *,
        is_resumed: bool,
    ) -> Observer:
        """Look at a model before its first update.

        Args:
            model: as the stage starts with it, without an adapter.
            head: its tensors.
            sample: what to look at.
            at_start: the same rows, and where they are computed before the first update.
            pretrained: gives the untouched backbone's features, from those at the start where they are the same.
            is_resumed: some of the updates were done in an earlier call; what they used of energy is not known.
        """
        begin = time.perf_counter()
        start = at_start.snapshot(model)
        features = pretrained(start.features)
        reset_peak_memory(sample.device)
        return cls(
            sample=sample,
            pretrained=features,
            start=start,
            head=flat(head),
            energy=EnergyMeter() if is_resumed else EnergyMeter.started(sample.device),
            seconds=time.perf_counter() - begin,
        )

    def trained(self) -> Observer:
        """Read the energy, right after the last update."""
        return replace(self, joules=self.energy.joules())

    def after(
        self,
        model: torch.nn.Module,
        head: Tensors,
        distances: Callable[[], dict[str, float]],
        objective: Objective,
        metrics_file: Path,
        scored: Scored | None,
    ) -> StageDiagnostics:
        """Look again after the last update.

        Args:
            model: as trained, adapter included.
            head: its tensors.
            distances: gives those of each layer from the pretrained weights; none where the backbone was not trained.
            objective: what was minimised.
            metrics_file: the stage's log.
            scored: the answers on the reported split; None where nothing is reported or the run goes on.
        """
        peak = peak_memory(self.sample.device)
        begin = time.perf_counter()
        features = self.sample.snapshot(model).features
        change = feature_change(self.pretrained, features)
        end = flat(head)
        entries = read_metrics(metrics_file)
        norms = [entry["grad_norm"] for entry in entries if entry.get("grad_norm") is not None]
        before, scaled = calibrations(scored, self.sample.collate.kind)
        return StageDiagnostics(
            num_sample_rows=len(self.sample.tokens),
            feature_change=change,
            feature_change_mean=change / len(features),
            feature_similarity=linear_cka(self.pretrained, features),
            head_norm_start=float(torch.linalg.vector_norm(self.head)),
            head_norm_end=float(torch.linalg.vector_norm(end)),
            head_distance=float(torch.linalg.vector_norm(end - self.head)),
            head_angle=angle(self.head, end),
            layer_distances=distances(),
            sample_loss_start=self._loss(objective),
            sample_accuracy_start=self._accuracy(),
            steps_to_90=steps_to(TARGET_ACCURACY, entries),
            mean_gradient_norm=statistics.fmean(norms) if norms else None,
            max_gradient_norm=max(norms, default=None),
            calibration=before,
            calibration_scaled=scaled,
            energy_joules=self.joules,
            peak_memory_bytes=peak,
            seconds=self.seconds + time.perf_counter() - begin,
        )

    def _loss(self, objective: Objective) -> float:
        return float(objective(self.start.logits, {"labels": self._labels()}))

    def _accuracy(self) -> float | None:
        kind = self.sample.collate.kind
        if kind not in ONE_OF_SEVERAL:
            return None
        return float((decisions(kind, answers(kind, self.start.logits)) == self._labels()).float().mean())

    def _labels(self) -> torch.Tensor:
        collate = self.sample.collate
        return label_tensor(collate.kind, self.sample.tokens.labels or [], collate.num_labels)


def steps_to(accuracy: float, entries: Sequence[dict[str, Any]]) -> int | None:
    """Return the first logged step whose running accuracy on training batches reached `accuracy`."""
    return next((int(entry["step"]) for entry in entries if (entry.get("accuracy") or 0.0) >= accuracy), None)


def calibrations(scored: Scored | None, kind: TaskKind) -> tuple[CalibrationRecord | None, CalibrationRecord | None]:
    """Return the calibration of probabilities on the reported split, as they are and after temperature scaling.

    The temperature for each fifth of the rows is fitted on the other four: none is judged by rows it was fitted on.
    """
    if scored is None or kind not in ONE_OF_SEVERAL or len(scored.answers) < NUM_FOLDS:
        return None, None
    probabilities, labels = scored.answers.astype(np.float64), scored.labels.astype(np.int64)
    if not (probabilities > 0).all():
        return _record(calibration(probabilities, labels)), None
    # A softmax of log-probabilities over a temperature is that of the logits.
    scaled = cross_fitted_probabilities(np.log(probabilities), labels, num_folds=NUM_FOLDS)
    return _record(calibration(probabilities, labels)), _record(calibration(scaled, labels))


def _record(found: Calibration) -> CalibrationRecord:
    bins = (each for each in found.bins if each.mean_confidence is not None and each.accuracy is not None)
    return CalibrationRecord(
        expected_error=found.expected_error,
        brier=found.brier,
        log_loss=found.log_loss,
        bins=tuple((float(b.mean_confidence or 0.0), float(b.accuracy or 0.0), b.num_examples) for b in bins),
    )
