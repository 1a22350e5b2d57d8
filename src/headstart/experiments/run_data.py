"""The data of one run, as its stages ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from headstart.data.batching import PaddingCollator
from headstart.data.examples import Split, TaskData
from headstart.data.tokenisation import TokenizedSplit
from headstart.experiments.experiment import Run, TaskSource
from headstart.experiments.workspace import TimedFeatures, Workspace
from headstart.models.classifier import Classifier
from headstart.models.parameters import Digests
from headstart.models.source import ModelSource
from headstart.tasks.task import Task
from headstart.training.diagnostics import Sample
from headstart.training.losses import Objective

if TYPE_CHECKING:
    import torch

Which = Literal["train", "report", "choose"]


@dataclass(frozen=True, slots=True)
class RunData:
    """Rows, tokens and model of one run."""

    run: Run
    workspace: Workspace

    @property
    def task(self) -> Task:
        """The task."""
        return self.workspace.task_data(self.run.source).task

    @property
    def train(self) -> Split:
        """The rows to train on."""
        return self.workspace.split(self.run.source, self.run.experiment.evaluation, train=True)

    @property
    def report(self) -> Split:
        """The rows to report on."""
        return self.workspace.split(self.run.source, self.run.experiment.evaluation, train=False)

    @property
    def choose(self) -> Split:
        """The training rows that a strategy chooses on."""
        return self.workspace.selection_split(self.run.source, self.run.experiment.evaluation)

    def tokens(self, which: Which) -> TokenizedSplit:
        """Return the tokens of some of the rows."""
        if which == "choose":
            return self.workspace.selection_tokens(self.run.source, self.run.experiment)
        return self.workspace.tokens(self.run.source, self.run.experiment, train=which == "train")

    def other(self, source: TaskSource) -> TaskData:
        """Return the rows of another task or file."""
        return self.workspace.other_data(self.run.source, source)

    def other_tokens(self, source: TaskSource) -> TokenizedSplit:
        """Return the tokens of another task's rows."""
        return self.workspace.other_tokens(self.run.source, source, self.run.experiment)

    @property
    def collator(self) -> PaddingCollator:
        """What makes the model's batches."""
        return self.workspace.collator(self.run.source, self.run.experiment.model)

    @property
    def model(self) -> ModelSource:
        """Where the model's files are."""
        return self.workspace.model(self.run.experiment.model)

    def load_classifier(self) -> Classifier:
        """Return the pretrained model with a fresh head, loaded anew."""
        return self.workspace.classifier(self.run.source, self.run.experiment, self.run.seed)

    def pretrained_digests(self, classifier: Classifier) -> Digests:
        """Return the digests of the pretrained backbone."""
        return self.workspace.pretrained_digests(self.run.experiment, classifier)

    def features(self, classifier: Classifier) -> TimedFeatures | None:
        """Return the frozen backbone's features of the training rows."""
        return self.workspace.features(self.run.source, self.run.experiment, classifier)

    @property
    def sample(self) -> Sample:
        """What diagnostics look at."""
        return self.workspace.sample(self.run.source, self.run.experiment)

    def pretrained_features(self, known: torch.Tensor | None = None) -> torch.Tensor:
        """Return the untouched backbone's features of the sample."""
        return self.workspace.pretrained_features(self.run.source, self.run.experiment, known)

    def objective(self, classifier: Classifier) -> Objective:
        """Return what stages minimise."""
        return Objective(kind=classifier.kind, config=self.run.experiment.training.loss)
