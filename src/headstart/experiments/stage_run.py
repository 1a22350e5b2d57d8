"""One stage of one run: place what it starts from, train it, evaluate it, store it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from headstart import metrics
from headstart.adapters.catalogue import build_adapter
from headstart.data.batching import TokenizedDataset, label_tensor
from headstart.data.tokenisation import TokenizedSplit
from headstart.experiments.experiment import Run
from headstart.experiments.observer import Observer
from headstart.experiments.private_runs import mechanisms_of, stage_privacy
from headstart.experiments.run_data import RunData, TimedFeatures
from headstart.experiments.saved_adapters import keep_start
from headstart.experiments.scoring import Scored, score, write_predictions
from headstart.experiments.soups import greedy_soup
from headstart.experiments.starts import place_start
from headstart.experiments.stored_stage import (
    ADAPTER_FOLDER,
    BACKBONE_FILE,
    HEAD_FILE,
    EarlierStage,
    StoredStage,
    read_stored_stage,
    save_tensors,
)
from headstart.inference.forward import batched_logits
from headstart.models.classifier import Classifier
from headstart.models.parameters import digests
from headstart.store.diagnostics import StageDiagnostics
from headstart.store.json_records import write_record
from headstart.store.layout import RunFolder, write_json
from headstart.store.record import StageRecord
from headstart.strategies.strategy import Selection, Stage, Start
from headstart.tasks.task import Task
from headstart.training.callbacks import METRICS_FILE, ProgressListener, trusted_checkpoint
from headstart.training.config import RunOptions
from headstart.training.diagnostics import layer_distances
from headstart.training.features import FeatureCollator, FeatureRows
from headstart.training.head_calibration import calibrate
from headstart.training.invariants import Digests
from headstart.training.job import StageJob, StageOutcome, StageRows, untrained
from headstart.training.losses import Objective
from headstart.training.private.accounting import Mechanism
from headstart.training.stage import train_stage

EVALUATION_BATCH_SIZE = 32
SOUP_FILE, CALIBRATION_FILE = "soup.json", "head_calibration.json"


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage of one run, with all that it needs around it."""

    data: RunData
    run_folder: RunFolder
    options: RunOptions
    index: int
    earlier: tuple[EarlierStage, ...]

    @property
    def run(self) -> Run:
        """The run."""
        return self.data.run

    @property
    def stage(self) -> Stage:
        """What it is, as the strategy planned it."""
        return self.run.experiment.plan[self.index]

    @property
    def is_last(self) -> bool:
        """Whether no stage follows."""
        return self.index == len(self.run.experiment.plan) - 1

    @property
    def folder(self) -> Path:
        """Where it is stored."""
        return self.run_folder.stage_folder(self.index, self.stage.name)

    @property
    def _mechanisms(self) -> dict[str, Mechanism]:
        return mechanisms_of(self.data)

    def load(self) -> StoredStage | None:
        """Return the stage if an earlier call finished it."""
        stored = read_stored_stage(self.run_folder.stage_json(self.index, self.stage.name))
        if stored is None:
            return None
        lacks_weights = not stored.restored and not stored.backbone_stored
        return None if self.is_last and self.options.keep_backbone and lacks_weights else stored

    def train(self, listener: ProgressListener | None) -> StoredStage:
        """Train, evaluate and store the stage."""
        self.folder.mkdir(parents=True, exist_ok=True)
        experiment, seed = self.run.experiment, self.run.seed
        classifier = self.data.load_classifier()
        pretrained = self.data.pretrained_digests(classifier)
        if self.stage.trainable is Selection.NOTHING:
            return self._store(self._soup(classifier), pretrained, features=None)
        placed = place_start(classifier, self.stage, self.earlier, pretrained, seed)
        objective = Objective(kind=classifier.kind, config=experiment.training.loss)
        if self.stage.calibrates_head:
            self._calibrate_head(classifier, objective)
            placed = replace(placed, head=digests(classifier.head_tensors()))
        observer = self._observer(classifier, is_pretrained=dict(placed.backbone) == dict(pretrained))
        features = self._features(classifier)
        outcome = train_stage(
            StageJob(
                stage=self.stage,
                classifier=classifier,
                adapter=build_adapter(self.stage.adapter) if self.stage.adapter else None,
                adapter_from=keep_start(self.stage, self.options.adapter_from, self.folder),
                rows=self._rows(features),
                objective=objective,
                config=experiment.training,
                options=self.options,
                seed=seed,
                folder=self.folder,
                expected_backbone=placed.backbone,
                expected_head=placed.head,
                features=features.features if features else None,
                mechanism=self._mechanisms.get(self.stage.name),
                run_name=f"{self.run} {self.stage.name}",
                listener=listener,
            )
        )
        return self._store(outcome, pretrained, features, observer.trained() if observer else None)

    def _observer(self, classifier: Classifier, *, is_pretrained: bool) -> Observer | None:
        # What is measured on private rows would leave them without any noise.
        if not self.options.diagnostics or self.run.experiment.training.privacy is not None:
            return None
        return Observer.before(
            classifier.model,
            classifier.head_tensors(),
            self.data.sample,
            lambda start: self.data.pretrained_features(start if is_pretrained else None),
            is_resumed=trusted_checkpoint(self.folder) is not None,
        )

    def _diagnostics(
        self, observer: Observer | None, outcome: StageOutcome, scored: Scored | None
    ) -> StageDiagnostics | None:
        if observer is None:
            return None
        return observer.after(
            outcome.model,
            outcome.head_tensors(),
            lambda: self._layer_distances(outcome),
            Objective(kind=outcome.classifier.kind, config=self.run.experiment.training.loss),
            self.folder / METRICS_FILE,
            scored if self.is_last else None,
        )

    def _layer_distances(self, outcome: StageOutcome) -> dict[str, float]:
        if not outcome.trained["backbone"]:
            return {}
        pretrained = self.data.load_classifier()
        return layer_distances(pretrained.backbone_tensors(), outcome.classifier.backbone_tensors())

    def _soup(self, classifier: Classifier) -> StageOutcome:
        """Average the run's fine-tuned models greedily, chosen on rows that none of them was trained on."""
        begin = time.perf_counter()
        task, tokens, groups = self.data.task, self.data.tokens("choose"), self.data.choose.groups

        def main_metric() -> float:
            return self._score(classifier.model, task, tokens, groups).scores[task.main_metric]

        tuned = [each for each in self.earlier if each.stage.trainable is Selection.ALL]
        names = greedy_soup(classifier, tuned, main_metric)
        write_json(self.folder / SOUP_FILE, {"ingredients": names})
        return untrained(classifier, time.perf_counter() - begin)

    def _calibrate_head(self, classifier: Classifier, objective: Objective) -> None:
        """Refit the head's scale and biases on the training rows' logits, and keep what was found."""
        tokens = self.data.tokens("train")
        logits = self._logits(classifier.model, tokens)
        targets = {"labels": label_tensor(classifier.kind, tokens.labels or [], len(classifier.labels))}
        found = calibrate(classifier, logits, lambda changed: objective(changed, targets))
        write_json(self.folder / CALIBRATION_FILE, asdict(found))

    def _features(self, classifier: Classifier) -> TimedFeatures | None:
        if self.stage.trainable is not Selection.HEAD or self.stage.start is not Start.PRETRAINED:
            return None
        return self.data.features(classifier)

    def _rows(self, features: TimedFeatures | None) -> StageRows:
        tokens = self.data.tokens("train")
        if features is not None:
            task = self.data.task
            collate = FeatureCollator(task.kind, task.num_labels, tokens.num_sequences is not None)
            return StageRows(dataset=FeatureRows(tokens), collate=collate, lengths=tokens.lengths)
        return StageRows(
            dataset=TokenizedDataset(tokens),
            collate=self.data.collator,
            lengths=tokens.lengths,
        )

    def _store(
        self,
        outcome: StageOutcome,
        pretrained: Digests,
        features: TimedFeatures | None,
        observer: Observer | None = None,
    ) -> StoredStage:
        """Evaluate what the stage ends with, write its tensors, then its record: with that it is finished."""
        head = outcome.head_tensors()
        backbone = self._end_backbone(outcome)
        begin = time.perf_counter()
        end_model = self._end_model(outcome, head, backbone)
        scored = self._evaluate(end_model)
        other_scores = self._evaluate_elsewhere(end_model)
        evaluation_seconds = time.perf_counter() - begin
        end_digests = dict(pretrained if backbone is None else digests(backbone))
        restored = end_digests == dict(pretrained)
        keep = backbone is not None and not restored and self._backbone_is_needed()
        save_tensors(head, self.folder / HEAD_FILE)
        if keep and backbone is not None:
            save_tensors(backbone, self.folder / BACKBONE_FILE)
        if outcome.attached is not None and outcome.attached.is_storable:
            outcome.attached.save(self.folder / ADAPTER_FOLDER)
        record = self._stage_record(outcome, scored, other_scores, evaluation_seconds, features, restored)
        stored = StoredStage(
            record=replace(record, diagnostics=self._diagnostics(observer, outcome, scored)),
            head=digests(head),
            backbone=end_digests,
            backbone_stored=keep,
            restored=restored,
        )
        write_record(self.run_folder.stage_json(self.index, self.stage.name), stored)
        return stored

    def _stage_record(
        self,
        outcome: StageOutcome,
        scored: Scored | None,
        other_scores: dict[str, dict[str, float]],
        evaluation_seconds: float,
        features: TimedFeatures | None,
        restored: bool,
    ) -> StageRecord:
        return StageRecord(
            name=self.stage.name,
            role=self.stage.role,
            num_steps=self.stage.num_steps,
            scores=scored.scores if scored else {},
            other_scores=other_scores,
            is_degenerate=scored is not None and metrics.degenerate(scored.decisions),
            start_loss=outcome.start_loss,
            end_loss=outcome.end_loss,
            trained=outcome.trained,
            moved=outcome.moved,
            backbone_restored=restored,
            seconds=outcome.seconds + (features.seconds if features else 0.0),
            evaluation_seconds=evaluation_seconds,
            checks_seconds=outcome.checks_seconds,
            num_examples_seen=outcome.num_examples_seen,
            num_tokens_seen=outcome.num_tokens_seen,
            dtypes=outcome.dtypes,
            privacy=stage_privacy(self.run, self.stage, self._mechanisms),
        )

    def _merged_fraction(self) -> float:
        return 1.0 if self.is_last else self.run.experiment.plan[self.index + 1].merged_fraction

    def _successor_start(self) -> Start | None:
        return None if self.is_last else self.run.experiment.plan[self.index + 1].start

    def _backbone_is_needed(self) -> bool:
        if self.is_last:
            # What a private stage made can be had only once.
            return self.options.keep_backbone or self.stage.name in self._mechanisms
        later = {stage.start for stage in self.run.experiment.plan[self.index + 1 :]}
        return self._successor_start() is not Start.PRETRAINED or Start.SOUP in later

    def _end_backbone(self, outcome: StageOutcome) -> dict[str, torch.Tensor] | None:
        """Return the backbone that the stage ends with; None when it is the pretrained one and an adapter beside it."""
        if outcome.attached is None:
            return outcome.classifier.backbone_tensors()
        if outcome.attached.merges and self._successor_start() is not Start.PRETRAINED:
            return outcome.attached.merged_backbone(self._merged_fraction())
        return None

    def _end_model(
        self, outcome: StageOutcome, head: dict[str, torch.Tensor], backbone: dict[str, torch.Tensor] | None
    ) -> torch.nn.Module:
        """Return the model to evaluate: as trained, but a merged one at the run's end, so that evaluated = saved."""
        if outcome.attached is None or backbone is None or not self.is_last:
            return outcome.model
        merged = self.data.load_classifier()
        merged.load_head(head)
        merged.load_backbone(backbone)
        return merged.model

    def _evaluate(self, model: torch.nn.Module) -> Scored | None:
        """Return the answers on the reported split, in fp32; the last stage's are stored."""
        split = self.run.experiment.evaluation.split
        if split is None:
            return None
        scored = self._score(model, self.data.task, self.data.tokens("report"), self.data.report.groups)
        if self.is_last:
            write_predictions(scored, self.run_folder.predictions(split))
        return scored

    def _evaluate_elsewhere(self, model: torch.nn.Module) -> dict[str, dict[str, float]]:
        """Return the metrics of the finished model on other tasks' rows, by the task's name."""
        if not self.is_last:
            return {}
        scores = {}
        for other in self.run.evaluate_on:
            data = self.data.other(other)
            scored = self._score(model, data.task, self.data.other_tokens(other), data.evaluation.groups)
            write_predictions(scored, self.run_folder.predictions(other.name.replace("/", "-")))
            scores[other.name] = scored.scores
        return scores

    def _score(
        self, model: torch.nn.Module, task: Task, tokens: TokenizedSplit, groups: tuple[str, ...] | None
    ) -> Scored:
        return score(task, self._logits(model, tokens), tokens.labels or [], groups)

    def _logits(self, model: torch.nn.Module, tokens: TokenizedSplit) -> torch.Tensor:
        return batched_logits(
            model,
            tokens,
            self.data.collator,
            batch_size=EVALUATION_BATCH_SIZE,
            precision="fp32",
            device=self.run.experiment.training.device,
        )
