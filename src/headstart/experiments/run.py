"""Run one experiment at one seed: its stages in order, each stored when done, resumed at a stage boundary."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import torch
from safetensors.torch import load_file, save_file

from headstart import metrics
from headstart.adapters.catalogue import build_adapter
from headstart.data.batching import TokenizedDataset
from headstart.experiments.experiment import Run
from headstart.experiments.workspace import TimedFeatures, Workspace
from headstart.inference.forward import batched_logits
from headstart.models.classifier import Classifier
from headstart.models.parameters import digests
from headstart.stats.summary import clearly_above, summarise
from headstart.store.layout import RunFolder, atomic_path, read_json, write_json
from headstart.store.record import RunRecord, RunStatus, StageRecord
from headstart.strategies.strategy import HeadOrigin, Selection, Stage, Start
from headstart.training.callbacks import ProgressListener
from headstart.training.config import RunOptions
from headstart.training.features import FeatureRows, collate_rows
from headstart.training.invariants import Digests
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


def run_one(
    run: Run,
    workspace: Workspace,
    folder: RunFolder,
    options: RunOptions,
    listener: ProgressListener | None = None,
) -> RunRecord:
    """Run all stages that are not stored yet and return the record; the caller stores it.

    Raises:
        DivergedError: if a loss is not finite.
        InvariantError: if a stage is not what it declares.
    """
    stored: list[StoredStage] = []
    for index in range(len(run.experiment.plan)):
        stage_run = _StageRun(run, workspace, folder, options, index, stored[-1] if stored else None)
        stored.append(stage_run.load() or stage_run.train(listener))
    return describe_run(run, workspace, RunStatus.FINISHED, tuple(stage.record for stage in stored))


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
class _StageRun:
    """One stage of one run, with all that it needs around it."""

    run: Run
    workspace: Workspace
    run_folder: RunFolder
    options: RunOptions
    index: int
    previous: StoredStage | None

    @property
    def stage(self) -> Stage:
        return self.run.experiment.plan[self.index]

    @property
    def is_last(self) -> bool:
        return self.index == len(self.run.experiment.plan) - 1

    @property
    def folder(self) -> Path:
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
            return StageRows(dataset=FeatureRows(tokens.labels or []), collate=collate_rows, lengths=tokens.lengths)
        collate = self.workspace.collator(self.run.experiment.model)
        return StageRows(dataset=TokenizedDataset(tokens), collate=collate, lengths=tokens.lengths)

    def _store(self, outcome: StageOutcome, pretrained: Digests, features: TimedFeatures | None) -> StoredStage:
        """Evaluate what the stage ends with, write its tensors, then its record: with that it is finished."""
        head = outcome.head_tensors()
        backbone = self._end_backbone(outcome)
        begin = time.perf_counter()
        scores = self._evaluate(self._end_model(outcome, head, backbone), outcome.classifier)
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
            record=self._stage_record(outcome, scores, evaluation_seconds, features, restored),
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
        scores: dict[str, float],
        evaluation_seconds: float,
        features: TimedFeatures | None,
        restored: bool,
    ) -> StageRecord:
        return StageRecord(
            name=self.stage.name,
            role=self.stage.role,
            num_steps=self.stage.num_steps,
            scores=scores,
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

    def _evaluate(self, model: torch.nn.Module, classifier: Classifier) -> dict[str, float]:
        """Return the task's metrics on the reported split, in fp32; the last stage's predictions are stored."""
        experiment = self.run.experiment
        if experiment.evaluation.split is None:
            return {}
        tokens = self.workspace.tokens(self.run.source, experiment, train=False)
        logits = batched_logits(
            model,
            tokens,
            self.workspace.tokenizer(experiment.model),
            batch_size=EVALUATION_BATCH_SIZE,
            precision="fp32",
            device=experiment.training.device,
        )
        probabilities = classifier.class_probabilities(logits).numpy()
        labels = np.asarray(tokens.labels)
        if self.is_last:
            _write_predictions(labels, probabilities, self.run_folder.predictions(experiment.evaluation.split))
        task = self.workspace.task_data(self.run.source).task
        return metrics.compute(task.metrics, labels, probabilities.argmax(axis=1))


def describe_run(run: Run, workspace: Workspace, status: RunStatus, stages: tuple[StageRecord, ...] = ()) -> RunRecord:
    """Return the record of a run, finished or failed."""
    experiment = run.experiment
    task = workspace.task_data(run.source).task
    num_evaluated = len(workspace.split(run.source, experiment.evaluation, train=False))
    majority = majority_score(run, workspace) if num_evaluated else 0.0
    return RunRecord(
        status=status,
        experiment_digest=experiment.digest,
        environment_digest=experiment.environment_digest,
        seed=run.seed,
        task=experiment.task,
        model=experiment.model,
        label=experiment.label,
        strategy=str(experiment.strategy),
        adapter=str(experiment.adapter) if experiment.adapter else None,
        metric=task.main_metric,
        scores=dict(stages[-1].scores) if stages and status is RunStatus.FINISHED else {},
        majority_score=majority,
        num_evaluation_examples=num_evaluated,
        reported_split=experiment.evaluation.split or "none",
        chosen_on=experiment.evaluation.chosen_on,
        purpose=experiment.purpose,
        learning_rates={stage.name: stage.optimizer.learning_rate for stage in experiment.plan},
        stages=stages,
        num_steps=experiment.num_steps,
        seconds=sum(stage.seconds for stage in stages),
        num_trained_parameters=max((sum(stage.trained.values()) for stage in stages), default=0),
        peak_memory_bytes=_peak_memory(experiment.training.device),
        warnings=_warnings(stages, task.main_metric, majority, num_evaluated),
    )


def majority_score(run: Run, workspace: Workspace) -> float:
    """Return the main metric of always answering the training split's most frequent class."""
    task = workspace.task_data(run.source).task
    training = workspace.split(run.source, run.experiment.evaluation, train=True).labels or ()
    labels = np.asarray(workspace.split(run.source, run.experiment.evaluation, train=False).labels)
    most_frequent = int(np.bincount(np.asarray(training), minlength=task.num_labels).argmax())
    predictions = np.full(len(labels), most_frequent)
    return metrics.compute((task.main_metric,), labels, predictions)[task.main_metric]


def _warnings(stages: tuple[StageRecord, ...], metric: str, majority: float, num_examples: int) -> tuple[str, ...]:
    """A first stage that has not learned the task hands over a poor head: say so."""
    if len(stages) < 2 or not num_examples:
        return ()
    score = stages[0].scores[metric]
    if clearly_above(summarise([score]), majority, num_examples):
        return ()
    return (
        f"Stage 1 ({stages[0].name}) reached {100 * score:.2f} {metric}, not clearly above the majority class "
        f"({100 * majority:.2f}): the head it hands over may be poor",
    )


def _peak_memory(device: str) -> int:
    """Return bytes: of the GPU where there is one, else the process's largest resident size; 0 on Windows."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _write_predictions(labels: np.ndarray, probabilities: np.ndarray, path: Path) -> None:
    columns: dict[str, Any] = {"label": labels, "predicted": probabilities.argmax(axis=1)}
    columns |= {f"probability_{index}": probabilities[:, index] for index in range(probabilities.shape[1])}
    with atomic_path(path) as temporary:
        pyarrow.parquet.write_table(pa.table(columns), temporary)


def _save_tensors(tensors: dict[str, torch.Tensor], path: Path) -> None:
    with atomic_path(path) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)
