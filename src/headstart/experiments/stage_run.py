"""One stage of one run: place what it starts from, train it, evaluate it, store it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from headstart import metrics
from headstart.adapters.catalogue import build_adapter
from headstart.data.batching import TokenizedDataset
from headstart.data.tokenisation import TokenizedSplit
from headstart.experiments.experiment import Run
from headstart.experiments.scoring import Scored, score, write_predictions
from headstart.experiments.workspace import TimedFeatures, Workspace
from headstart.inference.forward import batched_logits
from headstart.models.classifier import Classifier
from headstart.models.parameters import digests
from headstart.store.layout import RunFolder, atomic_path, read_json, write_json
from headstart.store.record import StageRecord
from headstart.strategies.strategy import HeadOrigin, Selection, Stage, Start
from headstart.tasks.task import Task
from headstart.training.callbacks import ProgressListener
from headstart.training.config import RunOptions
from headstart.training.features import FeatureCollator, FeatureRows
from headstart.training.invariants import Digests
from headstart.training.losses import Objective
from headstart.training.stage import StageJob, StageOutcome, StageRows, train_stage

EVALUATION_BATCH_SIZE = 32
HEAD_FILE, BACKBONE_FILE, ADAPTER_FOLDER = "head.safetensors", "backbone.safetensors", "adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStage:
    """A finished stage as it lies on disk: what a later stage may start from.

    Attributes:
        head: digests of the stored head.
        backbone: digests of the backbone that the stage ends with; it is stored only where `backbone_stored`.
        restored: the backbone it ends with is the pretrained one.
    """

    record: StageRecord
    head: Digests
    backbone: Digests
    backbone_stored: bool
    restored: bool


def stored_stage(path: Path) -> StoredStage | None:
    """Read a `stage.json`; None when the stage is not finished.

    Raises:
        CheckpointError: if the file is damaged.
    """
    if not path.exists():
        return None
    values = read_json(path)
    return StoredStage(**values | {"record": StageRecord(**values["record"])})


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage of one run, with all that it needs around it."""

    run: Run
    workspace: Workspace
    run_folder: RunFolder
    options: RunOptions
    index: int
    previous: StoredStage | None

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

    def load(self) -> StoredStage | None:
        """Return the stage if an earlier call finished it."""
        stored = stored_stage(self.run_folder.stage_json(self.index, self.stage.name))
        if stored is None:
            return None
        lacks_weights = not stored.restored and not stored.backbone_stored
        return None if self.is_last and self.options.keep_backbone and lacks_weights else stored

    def train(self, listener: ProgressListener | None) -> StoredStage:
        """Train, evaluate and store the stage."""
        self.folder.mkdir(parents=True, exist_ok=True)
        experiment, seed = self.run.experiment, self.run.seed
        classifier = self.workspace.classifier(self.run.source, experiment, seed)
        pretrained = self.workspace.pretrained_digests(experiment, classifier)
        self._place_start(classifier)
        features = self._features(classifier)
        outcome = train_stage(
            StageJob(
                stage=self.stage,
                classifier=classifier,
                adapter=build_adapter(self.stage.adapter) if self.stage.adapter else None,
                rows=self._rows(features),
                objective=Objective(kind=classifier.kind, config=experiment.training.loss),
                config=experiment.training,
                options=self.options,
                seed=seed,
                folder=self.folder,
                expected_backbone=self._expected_backbone(pretrained),
                expected_head=self.previous.head
                if self.previous and self.stage.head_from is HeadOrigin.PREVIOUS
                else None,
                features=features.features if features else None,
                listener=listener,
            )
        )
        return self._store(outcome, pretrained, features)

    def _place_start(self, classifier: Classifier) -> None:
        """Put onto the freshly loaded model exactly the tensors that the stage's start names."""
        if self.previous is None:
            return
        before = self.run_folder.stage_folder(self.index - 1, self.run.experiment.plan[self.index - 1].name)
        if self.stage.head_from is HeadOrigin.PREVIOUS:
            classifier.load_head(load_file(before / HEAD_FILE))
        if self.stage.start is not Start.PRETRAINED and not self.previous.restored:
            classifier.load_backbone(load_file(before / BACKBONE_FILE))

    def _expected_backbone(self, pretrained: Digests) -> Digests:
        if self.stage.start is Start.PRETRAINED or self.previous is None or self.previous.restored:
            return pretrained
        return self.previous.backbone

    def _features(self, classifier: Classifier) -> TimedFeatures | None:
        if self.stage.trainable is not Selection.HEAD or self.stage.start is not Start.PRETRAINED:
            return None
        return self.workspace.features(self.run.source, self.run.experiment, classifier)

    def _rows(self, features: TimedFeatures | None) -> StageRows:
        tokens = self.workspace.tokens(self.run.source, self.run.experiment, train=True)
        if features is not None:
            task = self.workspace.task_data(self.run.source).task
            collate = FeatureCollator(task.kind, task.num_labels, tokens.num_sequences is not None)
            return StageRows(dataset=FeatureRows(tokens), collate=collate, lengths=tokens.lengths)
        return StageRows(
            dataset=TokenizedDataset(tokens),
            collate=self.workspace.collator(self.run.source, self.run.experiment.model),
            lengths=tokens.lengths,
        )

    def _store(self, outcome: StageOutcome, pretrained: Digests, features: TimedFeatures | None) -> StoredStage:
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
        _save_tensors(head, self.folder / HEAD_FILE)
        if keep and backbone is not None:
            _save_tensors(backbone, self.folder / BACKBONE_FILE)
        if self.is_last and outcome.attached is not None and backbone is None:
            outcome.attached.save_peft(self.folder / ADAPTER_FOLDER)
        stored = StoredStage(
            record=self._stage_record(outcome, scored, other_scores, evaluation_seconds, features, restored),
            head=digests(head),
            backbone=end_digests,
            backbone_stored=keep,
            restored=restored,
        )
        write_json(self.run_folder.stage_json(self.index, self.stage.name), asdict(stored))
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
        )

    def _successor_start(self) -> Start | None:
        return None if self.is_last else self.run.experiment.plan[self.index + 1].start

    def _backbone_is_needed(self) -> bool:
        return self.options.keep_backbone if self.is_last else self._successor_start() is not Start.PRETRAINED

    def _end_backbone(self, outcome: StageOutcome) -> dict[str, torch.Tensor] | None:
        """Return the backbone that the stage ends with; None when it is the pretrained one and an adapter beside it."""
        if outcome.attached is None:
            return outcome.classifier.backbone_tensors()
        if outcome.attached.merges and self._successor_start() is not Start.PRETRAINED:
            return outcome.attached.merged_backbone()
        return None

    def _end_model(
        self, outcome: StageOutcome, head: dict[str, torch.Tensor], backbone: dict[str, torch.Tensor] | None
    ) -> torch.nn.Module:
        """Return the model to evaluate: as trained, but a merged one at the run's end, so that evaluated = saved."""
        if outcome.attached is None or backbone is None or not self.is_last:
            return outcome.model
        merged = self.workspace.classifier(self.run.source, self.run.experiment, self.run.seed)
        merged.load_head(head)
        merged.load_backbone(backbone)
        return merged.model

    def _evaluate(self, model: torch.nn.Module) -> Scored | None:
        """Return the answers on the reported split, in fp32; the last stage's are stored."""
        experiment, source = self.run.experiment, self.run.source
        split = experiment.evaluation.split
        if split is None:
            return None
        scored = self._score(
            model,
            self.workspace.task_data(source).task,
            self.workspace.tokens(source, experiment, train=False),
            self.workspace.split(source, experiment.evaluation, train=False).groups,
        )
        if self.is_last:
            write_predictions(scored, self.run_folder.predictions(split))
        return scored

    def _evaluate_elsewhere(self, model: torch.nn.Module) -> dict[str, dict[str, float]]:
        """Return the metrics of the finished model on other tasks' rows, by the task's name."""
        if not self.is_last:
            return {}
        scores = {}
        for other in self.run.evaluate_on:
            data = self.workspace.other_data(self.run.source, other)
            tokens = self.workspace.other_tokens(self.run.source, other, self.run.experiment)
            scored = self._score(model, data.task, tokens, data.evaluation.groups)
            write_predictions(scored, self.run_folder.predictions(other.name.replace("/", "-")))
            scores[other.name] = scored.scores
        return scores

    def _score(
        self, model: torch.nn.Module, task: Task, tokens: TokenizedSplit, groups: tuple[str, ...] | None
    ) -> Scored:
        experiment = self.run.experiment
        logits = batched_logits(
            model,
            tokens,
            self.workspace.collator(self.run.source, experiment.model),
            batch_size=EVALUATION_BATCH_SIZE,
            precision="fp32",
            device=experiment.training.device,
        )
        return score(task, logits, tokens.labels or [], groups)


def _save_tensors(tensors: dict[str, torch.Tensor], path: Path) -> None:
    with atomic_path(path) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)
