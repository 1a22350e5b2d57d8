"""What runs of one sweep can share, each made once: rows, tokens, frozen features, reference digests."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.data.batching import PaddingCollator, TokenizedDataset
from headstart.data.examples import Split, TaskData
from headstart.data.files import read_labelled
from headstart.data.holdout import hold_out
from headstart.data.loading import fingerprint, load_task
from headstart.data.token_cache import cached_tokens
from headstart.data.tokenisation import TokenizedSplit
from headstart.experiments.experiment import Evaluation, Experiment, TaskSource
from headstart.experiments.observer import Sample
from headstart.experiments.table_facts import read_rows
from headstart.inference.other_tasks import relabelled, require_same_answers
from headstart.models.classifier import Classifier
from headstart.models.loading import load_classifier, load_tokenizer
from headstart.models.parameters import digests
from headstart.models.source import ModelSource, resolve_model
from headstart.tasks.task import Task
from headstart.training.config import TrainingConfig
from headstart.training.features import Features, extract, reads_one_vector
from headstart.training.invariants import Digests

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

FEATURE_BATCH_SIZE = 32
HOLDOUT_SEED, SELECTION_SEED = 0, 1
"""The held-out part of a training split is the same for all runs: what is chosen on it is comparable."""

SAMPLE_SIZE = 128
"""Examples whose features are compared: two passes over them cost as much as a few updates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedFeatures:
    """Cached features, and the seconds that they cost once; every run that uses them counts these as its own."""

    features: Features
    seconds: float


EMPTY = Split(texts=(), labels=())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """A task's training split, taken apart."""

    train: Split
    held_out: Split
    selection: Split


@dataclass
class Workspace:
    """The shared work of one process. Nothing here changes a result; all of it could be made again."""

    _tasks: dict[TaskSource, TaskData] = field(default_factory=dict)
    _others: dict[tuple[TaskSource, TaskSource], TaskData] = field(default_factory=dict)
    _models: dict[str, ModelSource] = field(default_factory=dict)
    _tokenizers: dict[str, PreTrainedTokenizerBase] = field(default_factory=dict)
    _tokens: dict[tuple[object, ...], TokenizedSplit] = field(default_factory=dict)
    _features: dict[tuple[object, ...], TimedFeatures | None] = field(default_factory=dict)
    _references: dict[tuple[object, ...], Digests] = field(default_factory=dict)
    _sampled: dict[tuple[object, ...], torch.Tensor] = field(default_factory=dict)

    def task_data(self, source: TaskSource) -> TaskData:
        """Return a task's rows, read and checked once.

        Raises:
            UsageError: if they cannot be found or are faulty.
        """
        if source not in self._tasks:
            self._tasks[source] = read_rows(source)
        return self._tasks[source]

    def add_task(self, source: TaskSource, data: TaskData) -> TaskSource:
        """Make rows that are in memory already known under `source`, and return it."""
        self._tasks[source] = data
        return source

    def model(self, name: str) -> ModelSource:
        """Return where a model's files are, resolved once."""
        if name not in self._models:
            self._models[name] = resolve_model(name)
        return self._models[name]

    def tokenizer(self, name: str) -> PreTrainedTokenizerBase:
        """Return a model's tokenizer."""
        if name not in self._tokenizers:
            self._tokenizers[name] = load_tokenizer(self.model(name))
        return self._tokenizers[name]

    def collator(self, source: TaskSource, model: str) -> PaddingCollator:
        """Return what makes a model's batches of a task's rows."""
        task = self.task_data(source).task
        return PaddingCollator(self.tokenizer(model), kind=task.kind, num_labels=task.num_labels)

    def other_data(self, source: TaskSource, other: TaskSource) -> TaskData:
        """Return the rows of another task or file that models of `source` are scored on.

        Raises:
            UsageError: if they cannot be found or are faulty, or their labels are not the task's.
        """
        key = (source, other)
        if key not in self._others:
            self._others[key] = _read_other(self.task_data(source).task, other)
        return self._others[key]

    def split(self, source: TaskSource, evaluation: Evaluation, *, train: bool) -> Split:
        """Return the rows to train on, or those to report on, which may be none."""
        parts = self._parts(source, evaluation)
        if train:
            return parts.train
        if evaluation.split is None:
            return EMPTY
        return parts.held_out if evaluation.split == "holdout" else self.task_data(source).splits[evaluation.split]

    def selection_split(self, source: TaskSource, evaluation: Evaluation) -> Split:
        """Return the training rows that a strategy chooses on, which may be none."""
        return self._parts(source, evaluation).selection

    def _parts(self, source: TaskSource, evaluation: Evaluation) -> _Parts:
        rest, held_out, selection = self.task_data(source).training, EMPTY, EMPTY
        if evaluation.holdout_fraction > 0:
            rest, held_out = hold_out(rest, evaluation.holdout_fraction, HOLDOUT_SEED)
        if evaluation.selection_fraction > 0:
            rest, selection = hold_out(rest, evaluation.selection_fraction, SELECTION_SEED)
        return _Parts(train=rest, held_out=held_out, selection=selection)

    def tokens(self, source: TaskSource, experiment: Experiment, *, train: bool) -> TokenizedSplit:
        """Return tokens of the rows to train on or to report on."""
        evaluation = experiment.evaluation
        return self._tokenized(
            (source, evaluation, train), lambda: self.split(source, evaluation, train=train), experiment
        )

    def selection_tokens(self, source: TaskSource, experiment: Experiment) -> TokenizedSplit:
        """Return tokens of the training rows that a strategy chooses on."""
        evaluation = experiment.evaluation
        return self._tokenized(
            (source, evaluation, "selection"), lambda: self.selection_split(source, evaluation), experiment
        )

    def other_tokens(self, source: TaskSource, other: TaskSource, experiment: Experiment) -> TokenizedSplit:
        """Return tokens of the rows of another task or file."""
        data = self.other_data(source, other)
        return self._tokenized((source, other), lambda: data.evaluation, experiment)

    def _tokenized(
        self, rows: tuple[object, ...], split: Callable[[], Split], experiment: Experiment
    ) -> TokenizedSplit:
        training = experiment.training
        key = (*rows, experiment.model_revision, training.max_length, training.truncation, training.stride)
        if key not in self._tokens:
            self._tokens[key] = cached_tokens(
                split(),
                self.tokenizer(experiment.model),
                max_length=training.max_length,
                truncation=training.truncation,
                stride=training.stride,
            )
        return self._tokens[key]

    def classifier(self, source: TaskSource, experiment: Experiment, seed: int) -> Classifier:
        """Return the pretrained model with a fresh head of this seed, loaded anew."""
        task = self.task_data(source).task
        return load_classifier(
            self.model(experiment.model),
            kind=task.kind,
            labels=task.labels,
            reads_spans=task.has_spans,
            head=experiment.head,
            seed=seed,
            attention=experiment.training.attention,
            keep_head=experiment.keep_head,
        )

    def pretrained_digests(self, experiment: Experiment, classifier: Classifier) -> Digests:
        """Return the digests of the pretrained backbone; `classifier` is freshly loaded and serves the first time."""
        key = (experiment.model_revision, experiment.head, experiment.keep_head)
        if key not in self._references:
            self._references[key] = digests(classifier.backbone_tensors())
        return self._references[key]

    def features(self, source: TaskSource, experiment: Experiment, classifier: Classifier) -> TimedFeatures | None:
        """Return the frozen backbone's features of the training rows, or None where a head reads more than one vector.

        Args:
            source: the task's rows.
            experiment: names model, lengths, precision.
            classifier: freshly loaded; its pretrained backbone computes them.
        """
        training: TrainingConfig = experiment.training
        key = (
            source,
            experiment.evaluation,
            experiment.model_revision,
            experiment.head,
            training.max_length,
            training.truncation,
            training.stride,
            training.precision,
            training.attention,
        )
        if key not in self._features:
            self._features[key] = self._extract(source, experiment, classifier)
        return self._features[key]

    def sample(self, source: TaskSource, experiment: Experiment) -> Sample:
        """Return the training rows that diagnostics look at: evenly spaced, the same for every strategy and seed."""
        rows = self.split(source, experiment.evaluation, train=True)
        step = max(1, math.ceil(len(rows) / SAMPLE_SIZE))
        key = (source, experiment.evaluation, "sample")
        return Sample(
            tokens=self._tokenized(key, lambda: rows.take(range(0, len(rows), step)), experiment),
            collate=self.collator(source, experiment.model),
            precision=experiment.training.precision,
            device=experiment.training.device,
        )

    def pretrained_features(
        self, source: TaskSource, experiment: Experiment, known: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the untouched backbone's features of the sample [n, h]; `known` are these where just seen."""
        training = experiment.training
        key = (
            source,
            experiment.evaluation,
            experiment.model_revision,
            experiment.head,
            training.max_length,
            training.truncation,
            training.stride,
            training.precision,
            training.attention,
        )
        if key not in self._sampled:
            if known is None:
                known = self.sample(source, experiment).snapshot(self.classifier(source, experiment, 0).model).features
            self._sampled[key] = known
        return self._sampled[key]

    def _extract(self, source: TaskSource, experiment: Experiment, classifier: Classifier) -> TimedFeatures | None:
        begin = time.perf_counter()
        tokens = self.tokens(source, experiment, train=True)
        collate = self.collator(source, experiment.model)
        if not reads_one_vector(classifier, collate(_first_rows(tokens))):
            return None
        features = extract(
            classifier,
            tokens,
            collate,
            batch_size=FEATURE_BATCH_SIZE,
            precision=experiment.training.precision,
            device=experiment.training.device,
        )
        return TimedFeatures(features=features, seconds=time.perf_counter() - begin)


def _first_rows(tokens: TokenizedSplit) -> list[dict[str, Any]]:
    dataset = TokenizedDataset(tokens)
    return [dataset[row] for row in range(min(4, len(tokens)))]


def _read_other(task: Task, other: TaskSource) -> TaskData:
    if other.file is not None:
        rows = {task.evaluation_split: read_labelled(other.file, task, other.options)}
        return TaskData(task=replace(task, name=other.name), splits=rows, fingerprint=fingerprint(task, rows))
    data = load_task(other.name, data_root=Path(other.data_root) if other.data_root else None)
    require_same_answers(task, data.task)
    splits = {data.task.evaluation_split: relabelled(data.evaluation, data.task, task)}
    return replace(data, task=replace(data.task, labels=task.labels), splits=splits)
