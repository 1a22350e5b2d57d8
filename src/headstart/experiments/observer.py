"""The diagnostics of one stage: what was there before the first update, what is there after the last."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from headstart.data.together import independent_units
from headstart.dealing.folds import count_units
from headstart.experiments.consumption import Consumption
from headstart.experiments.evaluation import Evaluation, evaluated
from headstart.experiments.run_data import RunData
from headstart.experiments.scoring import Scored
from headstart.experiments.witness import StageEnd, StageStart, Witness
from headstart.kinds.kind import Kind
from headstart.models.checkpoint_tensors import CheckpointTensors
from headstart.models.parameters import Digests
from headstart.stats.calibration import Calibration, calibration, cross_fitted_probabilities
from headstart.store.diagnostics import CalibrationRecord, StageDiagnostics
from headstart.store.layout import RunFolder
from headstart.store.metrics_log import METRICS_FILE, read_metrics
from headstart.store.record import StageRecord
from headstart.training.diagnostics import Snapshot, angle, feature_change, flat, layer_distances, linear_cka
from headstart.training.stage_values import StageOutcome

TARGET_ACCURACY = 0.9
NUM_FOLDS = 5


def observed(data: RunData, run_folder: RunFolder) -> tuple[Witness, ...]:
    """Return what looks at a stage where diagnostics are wanted; private rows are only scored."""
    # What is measured on private rows would leave them without any noise.
    if data.run.experiment.training.privacy is not None:
        return evaluated(data, run_folder)
    evaluation, consumption = Evaluation(data, run_folder), Consumption(data.run.experiment.training.device)
    return (Observer(data, evaluation, consumption), evaluation, consumption)


class Observer(Witness):
    """Measures what a stage does to features, head, layers and probabilities."""

    def __init__(self, data: RunData, evaluation: Evaluation, consumption: Consumption) -> None:
        """Take the witnesses whose findings stand in the same record; they look right around the updates."""
        self._data, self._evaluation, self._consumption = data, evaluation, consumption
        self._seen: _Seen | None = None

    def before(self, start: StageStart) -> None:
        """Look at the sample through the stage's model."""
        begin = time.perf_counter()
        sample, classifier = self._data.sample, start.classifier
        if start.stays_small:
            sample = replace(sample, precision="fp32", device="cpu")
        snapshot = sample.snapshot(classifier.model)
        self._seen = _Seen(
            pretrained=self._data.pretrained_features(snapshot.features if start.is_pretrained else None),
            start=snapshot,
            head=flat(classifier.head_tensors()),
            digests=self._data.pretrained_digests(classifier),
            seconds=time.perf_counter() - begin,
        )

    def after(self, end: StageEnd, record: StageRecord) -> StageRecord:
        """Look again, through the trained model with its adapter."""
        return record if self._seen is None else replace(record, diagnostics=self._measured(self._seen, end))

    def _measured(self, seen: _Seen, end: StageEnd) -> StageDiagnostics:
        begin = time.perf_counter()
        outcome, sample = end.outcome, self._data.sample
        features = sample.snapshot(outcome.model).features
        change = feature_change(seen.pretrained, features)
        head = flat(outcome.head_tensors())
        entries = read_metrics(end.folder / METRICS_FILE)
        norms = [entry["grad_norm"] for entry in entries if entry.get("grad_norm") is not None]
        scored = self._evaluation.scored if end.is_last else None
        units = None if scored is None else independent_units(self._data.report)
        before, scaled = calibrations(scored, sample.collate.kind, units)
        return StageDiagnostics(
            num_sample_rows=len(sample.tokens),
            feature_change=change,
            feature_change_mean=change / len(features),
            feature_similarity=linear_cka(seen.pretrained, features),
            head_norm_start=float(torch.linalg.vector_norm(seen.head)),
            head_norm_end=float(torch.linalg.vector_norm(head)),
            head_distance=float(torch.linalg.vector_norm(head - seen.head)),
            head_angle=angle(seen.head, head),
            layer_distances=self._distances(seen, outcome) if outcome.trained["backbone"] else {},
            sample_loss_start=float(self._data.objective(outcome.classifier)(seen.start.logits, self._labels())),
            sample_accuracy_start=self._accuracy(seen.start.logits),
            steps_to_90=steps_to(TARGET_ACCURACY, entries),
            mean_gradient_norm=statistics.fmean(norms) if norms else None,
            max_gradient_norm=max(norms, default=None),
            calibration=before,
            calibration_scaled=scaled,
            energy_joules=self._consumption.joules,
            peak_memory_bytes=self._consumption.peak_bytes,
            seconds=seen.seconds + time.perf_counter() - begin,
        )

    def _distances(self, seen: _Seen, outcome: StageOutcome) -> dict[str, float]:
        """Compare with the checkpoint's file, a tensor at a time; with a second model where the file's names differ."""
        trained = outcome.classifier.backbone_tensors()
        try:
            return layer_distances(CheckpointTensors(self._data.model, seen.digests), trained)
        except KeyError:
            return layer_distances(self._data.load_classifier().backbone_tensors(), trained)

    def _accuracy(self, logits: torch.Tensor) -> float | None:
        kind = self._data.task.kind
        if not kind.picks_one:
            return None
        return float((kind.decisions(kind.answers(logits)) == self._labels()["labels"]).float().mean())

    def _labels(self) -> dict[str, torch.Tensor]:
        task, tokens = self._data.task, self._data.sample.tokens
        return {"labels": task.kind.label_tensor(tokens.labels or [], task.num_labels)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What was there before a stage's first update.

    Attributes:
        pretrained: features of the sample [n, h], from the untouched backbone.
        start: the model's output for the sample.
        head: the head's tensors as one vector.
        digests: of the pretrained backbone.
        seconds: wall time that looking took.
    """

    pretrained: torch.Tensor
    start: Snapshot
    head: torch.Tensor
    digests: Digests
    seconds: float


def steps_to(accuracy: float, entries: Sequence[dict[str, Any]]) -> int | None:
    """Return the first logged step whose running accuracy on training batches reached `accuracy`."""
    return next((int(entry["step"]) for entry in entries if (entry.get("accuracy") or 0.0) >= accuracy), None)


def calibrations(
    scored: Scored | None, kind: Kind, units: Sequence[int] | None = None
) -> tuple[CalibrationRecord | None, CalibrationRecord | None]:
    """Return the calibration of probabilities on the reported split, as they are and after temperature scaling.

    The temperature for each fifth of the rows is fitted on the other four, so that no row is judged by its own fit, nor
    by that of its unit: `units` [n] has the number of each row's, None takes each row for itself. The second is None
    where none is fitted: fewer than two answers are wrong, there are fewer than five units, or a probability is zero.
    """
    if scored is None or not kind.picks_one or len(scored.answers) < NUM_FOLDS:
        return None, None
    probabilities, labels = scored.answers.astype(np.float64), scored.labels.astype(np.int64)
    has_folds = units is None or count_units(units) >= NUM_FOLDS
    if not has_folds or not (probabilities > 0).all():
        return _record(calibration(probabilities, labels)), None
    # A softmax of log-probabilities over a temperature is that of the logits.
    scaled = cross_fitted_probabilities(np.log(probabilities), labels, units=units, num_folds=NUM_FOLDS)
    return _record(calibration(probabilities, labels)), None if scaled is None else _record(calibration(scaled, labels))


def _record(found: Calibration) -> CalibrationRecord:
    bins = (each for each in found.bins if each.mean_confidence is not None and each.accuracy is not None)
    return CalibrationRecord(
        expected_error=found.expected_error,
        brier=found.brier,
        log_loss=found.log_loss,
        bins=tuple((float(b.mean_confidence or 0.0), float(b.accuracy or 0.0), b.num_examples) for b in bins),
    )
