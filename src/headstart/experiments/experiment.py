"""An experiment is everything that defines a result except the seed; a run is an experiment and a seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from headstart.losses import RAW
from headstart.registry import Spec
from headstart.store.declared import DeclaredAxis
from headstart.store.json_records import dump
from headstart.store.record import NOTHING_CHOSEN, Purpose
from headstart.strategies.strategy import Stage
from headstart.tables.file_options import AS_GUESSED, FileOptions
from headstart.training.config import TrainingConfig


@dataclass(frozen=True, kw_only=True)
class TaskSource:
    """Where any process finds a task's rows: by name with an optional local root, as a user's own data, or stored.

    No path enters a digest: the rows themselves do.

    Attributes:
        stored_rows: folder of rows that were given in memory, as `headstart.data.stored_rows` writes it.
        file: a file, a `datasets` folder, or `hub:OWNER/NAME`; `options` say how to read it.
        evaluate_on: further tasks or files, with the same labels, that the finished model is scored on.
        inner_folds: the training rows are cut into this many folds; a run trains without one of them, and is scored on
            that one. None where they are not cut.
        inner_fold: the fold that is held out, from 0: each run has its own.
        rows_per_class: training rows of each class, drawn anew for each seed; None for all rows.
        draw: which draw of these.
    """

    name: str
    data_root: str | None = None
    stored_rows: str | None = None
    file: str | None = None
    options: FileOptions = AS_GUESSED
    evaluate_on: tuple[TaskSource, ...] = ()
    inner_folds: int | None = None
    inner_fold: int = 0
    rows_per_class: int | None = None
    draw: int = 0

    def at(self, seed: int) -> TaskSource:
        """Return the source of the run with this seed: runs go through the folds, and through draws of few rows."""
        source = self if self.rows_per_class is None else replace(self, draw=seed)
        if self.inner_folds is not None:
            return replace(source, inner_fold=seed % self.inner_folds)
        if self.options.folds is None:
            return source
        return replace(source, options=replace(self.options, fold=seed % self.options.folds))

    @property
    def whole(self) -> TaskSource:
        """The source of all rows that draws and inner folds are from."""
        return replace(self, inner_folds=None, inner_fold=0, rows_per_class=None, draw=0)


@dataclass(frozen=True, kw_only=True)
class OtherRows:
    """Rows of another task or file that a finished model is scored on; their SHA-256 is `fingerprint`."""

    name: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Which rows a result is reported on, and what was chosen on which.

    Attributes:
        split: the reported split; "holdout" is the held-out part or fold of the training split; None reports on
            nothing.
        holdout_fraction: share of the training split that is held out, from 0.
        chosen_on: what the learning rates were chosen on; `NOTHING_CHOSEN` by default.
        folds: number of folds that the seeds go through; None where the split is the same for all.
        selection_fraction: share of the training rows that a strategy chooses on instead of training on them.
        others: what the finished model is scored on beside the task's own split.
        trains_on_validation: the validation rows, which were cut off for an earlier score, are trained on as well.
        rows_per_class: training rows of each class, drawn anew for each seed; None for all rows.
        label_names: the classes' names are training rows too.
    """

    split: str | None = "validation"
    holdout_fraction: float = 0.0
    chosen_on: str = NOTHING_CHOSEN
    folds: int | None = None
    selection_fraction: float = 0.0
    others: tuple[OtherRows, ...] = ()
    trains_on_validation: bool = False
    rows_per_class: int | None = None
    label_names: bool = False


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything that defines a result except the seed.

    Attributes:
        task: its name; `task_fingerprint` is the SHA-256 of its rows and labels.
        model: its name; `model_revision` is a commit or the SHA-256 of its files.
        strategy: with its options; `adapter`: with its options, None for strategies without one.
        plan: the stages, resolved to the last number.
        recorded_digest: what an older headstart stored it under; "" for an experiment that is planned now.
    """

    task: str
    task_fingerprint: str
    model: str
    model_revision: str
    head: Spec
    keep_head: bool = False
    strategy: Spec
    adapter: Spec | None
    plan: tuple[Stage, ...]
    training: TrainingConfig
    evaluation: Evaluation = Evaluation()
    purpose: Purpose = Purpose.REPORT
    recorded_digest: str = ""

    @property
    def label(self) -> str:
        """Return the name a table gives it, such as `eh_ft(lora)`."""
        return str(self.strategy) if self.adapter is None else f"{self.strategy}({self.adapter})"

    @property
    def num_steps(self) -> int:
        """Return the optimiser updates of all stages."""
        return sum(stage.num_steps for stage in self.plan)

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 over all that changes results: a model counts by its revision, not by its name."""
        if self.recorded_digest:
            return self.recorded_digest
        values = dump(self)
        del values["model"], values["recorded_digest"]
        _leave_out(LATER_IN_LOSS, values["training"]["loss"])
        _leave_out(LATER_IN_EVALUATION, values["evaluation"])
        for stage in values["plan"]:
            _leave_out(LATER_IN_STAGE, stage)
        return _digest(values)


Key = tuple[str, int]
"""The digest of an experiment, and a seed."""


@dataclass(frozen=True, slots=True)
class Run:
    """One experiment at one seed: what is stored, skipped, resumed."""

    experiment: Experiment
    seed: int
    source: TaskSource
    """Already at this seed's fold."""
    varied: DeclaredAxis | None = None
    """What its comparison varies beside strategy and adapter."""

    @property
    def key(self) -> Key:
        """Return what a store knows it by: the digest of its experiment, and its seed."""
        return self.experiment.digest, self.seed

    @property
    def label(self) -> str:
        """Return the experiment's name in a table, with the value of the axis that varies."""
        return self.experiment.label if self.varied is None else f"{self.experiment.label} {self.varied}"

    @property
    def evaluate_on(self) -> tuple[TaskSource, ...]:
        """What the finished model is scored on beside the task's own split."""
        return self.source.evaluate_on if self.experiment.evaluation.others else ()

    def __str__(self) -> str:
        return f"{self.experiment.task} {self.label} seed {self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExperiment:
    """The content of an `experiment.json`: an experiment, and where the rows of its first fold were found."""

    experiment: Experiment
    source: TaskSource

    def run(self, digest: str, seed: int) -> Run:
        """Return the run with this seed; `digest` is what the experiment is stored under."""
        same = self.experiment.digest == digest
        experiment = self.experiment if same else replace(self.experiment, recorded_digest=digest)
        return Run(experiment, seed, self.source.at(seed))


LATER_IN_LOSS: Mapping[str, Any] = {"scale": asdict(RAW)}
LATER_IN_EVALUATION: Mapping[str, Any] = {
    "trains_on_validation": False,
    "rows_per_class": None,
    "label_names": False,
}
LATER_IN_STAGE: Mapping[str, Any] = {"loss": None, "until": None}
"""Fields that came after digests were first stored, with the value at which they change nothing: there they are left
out, and the digest is as before there was such a field."""


def _leave_out(later: Mapping[str, Any], values: dict[str, Any]) -> None:
    for name, nothing in later.items():
        if values[name] == nothing:
            del values[name]


def _digest(values: Any) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
