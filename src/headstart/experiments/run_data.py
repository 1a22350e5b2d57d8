"""All that a run is made from beside its stages: rows, tokens, model, frozen features, reference digests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from headstart.data.batching import Collator, MediaCollator, PaddingCollator
from headstart.data.examples import Split, TaskData
from headstart.data.media_rows import media_inputs
from headstart.data.token_cache import cached_tokens
from headstart.data.tokenisation import TokenizedSplit
from headstart.experiments.experiment import Run, TaskSource
from headstart.experiments.frozen_backbone import FeatureRows, FrozenBackbone
from headstart.experiments.scoring import constant_scores_of
from headstart.experiments.task_rows import EMPTY, Parts, TaskRows
from headstart.inference.passes import PassSize
from headstart.losses import Scale
from headstart.media.modality import Modality
from headstart.models.classifier import Classifier
from headstart.models.loading import load_classifier, load_tokenizer
from headstart.models.output_units import to_standard_units
from headstart.models.parameters import Digests, digests
from headstart.models.processors import MediaProcessor, load_processor, seconds_of
from headstart.models.source import ModelSource, commit_of, resolve_model
from headstart.registry import Spec
from headstart.tasks.task import Task
from headstart.training.diagnostics import Sample
from headstart.training.features import Features
from headstart.training.fitted_head import HeadInputs, head_inputs
from headstart.training.objective import Objective

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

SAMPLE_SIZE = 128
"""Examples whose features are compared: two passes over them cost as much as a few updates."""
NUMBER_BYTES, TOKEN_BYTES, DIGEST_BYTES, TOKENIZER_BYTES = 24, 36, 200, 1 << 24
"""What Python needs for a number, for a token in a list, and for a tensor's name and digest; a tokenizer is this large
at most."""

Which = Literal["train", "report", "choose", "test", "sample_rows"]
"""The rows that a run has, by the names of the properties of `RunData`."""


class RunDataCache:
    """What the runs of one process share, bounded: rows, models' files and tokenizers, and what runs keep in it."""

    def __init__(self, rows: TaskRows | None = None, given: ModelSource | None = None) -> None:
        self.rows = rows or TaskRows()
        self.kept = self.rows.kept  # One bound holds for rows and all else.
        self._given = given

    def model(self, name: str, commit: str | None = None) -> ModelSource:
        """Return where a model's files are, resolved once; `commit` is what its name on the hub meant before."""
        if self._given is not None and self._given.name == name:
            return self._given
        key = ("model", name, commit)
        return self.kept.get(key, lambda: resolve_model(name, revision=commit), lambda _: DIGEST_BYTES)

    def tokenizer(self, name: str, commit: str | None = None) -> PreTrainedTokenizerBase:
        """Return a model's tokenizer; `commit` is as in `model`."""
        key = ("tokenizer", name, commit)
        return self.kept.get(key, lambda: load_tokenizer(self.model(name, commit)), lambda _: TOKENIZER_BYTES)

    def processor(self, name: str, modality: Modality, commit: str | None = None) -> MediaProcessor:
        """Return what makes a model's inputs of images or sounds; `commit` is as in `model`."""
        key = ("processor", name, modality, commit)
        return self.kept.get(key, lambda: load_processor(self.model(name, commit), modality), lambda _: TOKENIZER_BYTES)

    def require_reader(self, name: str, modality: Modality) -> None:
        """Refuse a model whose tokenizer or processor cannot be read.

        Raises:
            UsageError: as whoever reads it says.
        """
        if modality.is_file:
            self.processor(name, modality)
        else:
            self.tokenizer(name)


@dataclass(frozen=True, slots=True)
class RunData:
    """The data of one run. Nothing here changes a result; all of it can be made again from the run alone."""

    run: Run
    cache: RunDataCache

    @classmethod
    def of(cls, run: Run, cache: RunDataCache | None = None) -> RunData:
        """Return the data of a run, shared through `cache`; without one it is shared with nothing."""
        return cls(run, cache or RunDataCache())

    @property
    def task_data(self) -> TaskData:
        """The task and all of its rows."""
        return self.cache.rows.of(self.run.source)

    @property
    def task(self) -> Task:
        """The task."""
        return self.task_data.task

    @property
    def train(self) -> Split:
        """The rows to train on."""
        return self._parts.train

    @property
    def own_train(self) -> Split:
        """The rows to train on that are the table's own: they stand before those made of the classes' names."""
        rows = self.train
        return rows.take(range(len(rows) - self.num_label_rows)) if self.num_label_rows else rows

    @property
    def num_label_rows(self) -> int:
        """How many of the rows to train on are names of classes."""
        return self.task.num_labels if self.run.experiment.evaluation.label_names else 0

    @property
    def report(self) -> Split:
        """The rows to report on; possibly empty."""
        return self._parts.report

    @property
    def answered(self) -> Split:
        """The rows to report on, or those that were before they were trained on too; possibly empty."""
        trained_on = self.run.experiment.evaluation.trains_on_validation
        return self.task_data.evaluation if trained_on else self.report

    @property
    def choose(self) -> Split:
        """The training rows that a strategy chooses on instead of training on them; possibly empty."""
        return self._parts.choose

    @property
    def test(self) -> Split:
        """The test rows that came with a person's table: for the very end of a fit alone; possibly empty."""
        is_table = self.run.source.file is not None
        return self.task_data.splits.get("test", EMPTY) if is_table else EMPTY

    @property
    def sample_rows(self) -> Split:
        """The training rows that diagnostics look at: evenly spaced, the same for every strategy and seed."""
        step = max(1, math.ceil(len(self.train) / SAMPLE_SIZE))
        return self.train.take(range(0, len(self.train), step))

    def tokens(self, which: Which) -> TokenizedSplit:
        """Return the tokens of some of the rows."""
        rows = (self.run.source, self.run.experiment.evaluation, which)
        return self._tokenized(rows, lambda: getattr(self, which))

    def other(self, source: TaskSource) -> TaskData:
        """Return the rows of another task or file that the finished model is scored on."""
        return self.cache.rows.other(self.run.source, source)

    def other_tokens(self, source: TaskSource) -> TokenizedSplit:
        """Return the tokens of another task's rows to report on."""
        return self._tokenized((self.run.source.at(0), source), lambda: self.other(source).evaluation)

    @property
    def constant_scores(self) -> dict[str, float]:
        """Each metric of the best constant answer to the rows to report on; nothing where there are none."""
        rows = ("constant", self.run.source, self.run.experiment.evaluation)
        return self.cache.kept.get(rows, lambda: constant_scores_of(self.task, self.report), _number_bytes)

    def other_constant_scores(self, source: TaskSource) -> dict[str, float]:
        """Return the same for another task's rows."""
        other = self.other(source)
        return self.cache.kept.get(
            ("constant", self.run.source.at(0), source),
            lambda: constant_scores_of(other.task, other.evaluation),
            _number_bytes,
        )

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer."""
        experiment = self.run.experiment
        return self.cache.tokenizer(experiment.model, commit_of(experiment.model_revision))

    @property
    def reader(self) -> PreTrainedTokenizerBase | MediaProcessor:
        """What makes the model's inputs of rows: its tokenizer, or its processor of images or sounds."""
        return self._processor if self.task.modality.is_file else self.tokenizer

    @property
    def collator(self) -> Collator:
        """What makes the model's batches of the task's rows."""
        if self.task.modality.is_file:
            return MediaCollator(
                processor=self._processor,
                length=self.run.experiment.training.max_length,
                kind=self.task.kind,
                num_labels=self.task.num_labels,
            )
        return PaddingCollator(self.tokenizer, kind=self.task.kind, num_labels=self.task.num_labels)

    @property
    def model(self) -> ModelSource:
        """Where the model's files are: those of the commit that the run was planned with."""
        experiment = self.run.experiment
        return self.cache.model(experiment.model, commit_of(experiment.model_revision))

    def objective(self, classifier: Classifier) -> Objective:
        """Return what stages minimise."""
        return Objective(kind=classifier.kind, config=self.run.experiment.training.loss)

    @property
    def scale(self) -> Scale:
        """The units that heads answer in while the run lasts; those of the labels, where they have none."""
        return self.run.experiment.training.loss.scale

    def load_classifier(self) -> Classifier:
        """Return the pretrained model with a fresh head of the run's seed, loaded anew.

        A head that is kept answers in units of the labels; it is changed to those of the run.
        """
        experiment = self.run.experiment
        classifier = self._load(experiment.head, keep_head=experiment.keep_head)
        if experiment.keep_head:
            to_standard_units(classifier, self.scale)
        return classifier

    def pretrained_digests(self, classifier: Classifier) -> Digests:
        """Return the digests of the pretrained backbone; `classifier` is freshly loaded and serves the first time."""
        experiment = self.run.experiment
        return self.cache.kept.get(
            ("digests", experiment.model_revision, experiment.head, experiment.keep_head),
            lambda: digests(classifier.backbone_tensors()),
            lambda found: DIGEST_BYTES * len(found),
        )

    def features(self, classifier: Classifier) -> Features | None:
        """Return what the head reads of the training rows on the frozen backbone; None where that is no one vector.

        `classifier` is freshly loaded; its pretrained backbone computes it.
        """
        return self._frozen_backbone.features(classifier, self.run.experiment.head)

    def vectors(self, heads: Sequence[Spec], which: FeatureRows) -> dict[Spec, NDArray[np.float32]]:
        """Return what each head's first linear map would read of some of the rows [n, d] on the untouched backbone.

        All of it comes from one pass over the rows, and from none where it is known: runs with one of these heads on a
        frozen backbone share it. Of a row with several sequences, such as windows, it is their mean. For heads
        that read pairs apart the texts go through the backbone one by one. What a head leaves open the checkpoint says.

        Raises:
            UsageError: if a head is unknown, or native and more than one linear map.
        """
        return self._frozen_backbone.vectors(heads, which)

    def head_inputs(self, classifier: Classifier, *, is_pretrained: bool) -> HeadInputs:
        """Return what the head's one linear map reads of the training rows, from the backbone as it stands.

        The untouched backbone (`is_pretrained`) is asked once for all runs.

        Raises:
            UsageError: if the head is more than one linear map.
        """
        if is_pretrained:
            return self._frozen_backbone.head_inputs(classifier, self.run.experiment.head)
        training = self.run.experiment.training
        return head_inputs(
            classifier,
            self.tokens("train"),
            self.collator,
            size=PassSize.usual(training.device),
            precision=training.precision,
            device=training.device,
        )

    @property
    def sample(self) -> Sample:
        """What diagnostics look at."""
        training, tokens = self.run.experiment.training, self.tokens("sample_rows")
        return Sample(tokens=tokens, collate=self.collator, precision=training.precision, device=training.device)

    def pretrained_features(self, known: torch.Tensor | None = None) -> torch.Tensor:
        """Return the untouched backbone's features of the sample [n, h]; `known` are these where just seen."""
        return self.cache.kept.get(
            self._frozen("sample", self.run.experiment.head),
            lambda: self._sample_features() if known is None else known,
            lambda found: found.nbytes,
        )

    @property
    def _parts(self) -> Parts:
        return self.cache.rows.parts(self.run.source, self.run.experiment.evaluation)

    @property
    def _reading(self) -> tuple[object, ...]:
        """What tokens follow from beside the rows."""
        experiment, training = self.run.experiment, self.run.experiment.training
        return (experiment.model_revision, training.max_length, training.truncation, training.stride)

    def _frozen(self, *what: object) -> tuple[object, ...]:
        """Return the key of something that a pretrained backbone computes from the rows."""
        experiment, training = self.run.experiment, self.run.experiment.training
        rows = (*what, self.run.source, experiment.evaluation)
        return (*rows, *self._reading, training.precision, training.attention)

    def _tokenized(self, rows: tuple[object, ...], split: Callable[[], Split]) -> TokenizedSplit:
        training = self.run.experiment.training

        def tokenized() -> TokenizedSplit:
            if self.task.modality.is_file:
                return media_inputs(split(), most_seconds=self.most_seconds)
            return cached_tokens(
                split(),
                self.tokenizer,
                max_length=training.max_length,
                truncation=training.truncation,
                stride=training.stride,
            )

        return self.cache.kept.get(
            ("tokens", *rows, *self._reading),
            tokenized,
            lambda tokens: TOKEN_BYTES * len(tokens.features) * sum(tokens.lengths),
        )

    @property
    def _processor(self) -> MediaProcessor:
        experiment = self.run.experiment
        return self.cache.processor(experiment.model, self.task.modality, commit_of(experiment.model_revision))

    @property
    def most_seconds(self) -> float:
        """What is read of a sound; without end for texts and images."""
        length = self.run.experiment.training.max_length
        is_sound = self.task.modality is Modality.AUDIO
        return seconds_of(self._processor, length) if is_sound else math.inf

    def _sample_features(self) -> torch.Tensor:
        return self.sample.snapshot(replace(self, run=replace(self.run, seed=0)).load_classifier().model).features

    @property
    def _frozen_backbone(self) -> FrozenBackbone:
        return FrozenBackbone(
            kept=self.cache.kept,
            key=self._frozen("vectors"),
            tokens=self.tokens,
            collator=self.collator,
            load=self._load,
            source=self.model,
            task=self.task,
            training=self.run.experiment.training,
        )

    def _load(self, head: Spec, *, keep_head: bool = False) -> Classifier:
        """Return the pretrained model with a head of the run's seed."""
        experiment, task = self.run.experiment, self.task
        return load_classifier(
            self.model,
            modality=task.modality,
            kind=task.kind,
            labels=task.labels,
            reads_spans=task.has_spans,
            head=head,
            seed=self.run.seed,
            attention=experiment.training.attention,
            keep_head=keep_head,
        )


def _number_bytes(scores: Mapping[str, float]) -> int:
    return NUMBER_BYTES * len(scores)
