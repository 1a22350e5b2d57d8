"""`HeadstartClassifier`: the engine with the habits of scikit-learn. Letters: n rows, c classes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from headstart.artifacts.model_folder import SavedModel
from headstart.data.examples import Split, TaskData
from headstart.data.loading import fingerprint
from headstart.errors import HeadstartError
from headstart.experiments.experiment import Evaluation, Run, TaskSource
from headstart.experiments.grid import Choices, build_experiment, pairings
from headstart.experiments.workspace import Workspace
from headstart.inference.predict import predict
from headstart.registry import Spec
from headstart.store.record import RunRecord, RunStatus
from headstart.sweeps.fitting import fit_model
from headstart.tasks.task import Task
from headstart.training.config import resolve_device, resolve_precision

SOURCE = TaskSource(name="in memory")


class HeadstartClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Fine-tune a pretrained model on texts; by default EH-FT with LoRA.

    Args:
        model: a hub id, a local folder, or `embedded:minilm-l6`.
        strategy: with its options, such as `eh_ft`, `eh_ft:reserve`, `finetune`, `lp_ft`, `linear_probe`, `adapter`.
        adapter: with its options, such as `lora:rank=16`; None is LoRA where the strategy takes one.
        head: `native` or `mlp`; None is the preset's.
        preset: `default`, `paper` or `paper_code`.
        epochs: passes over the rows, all stages together; None is the preset's.
        steps: updates instead of epochs.
        batch_size: rows per update; None is the preset's.
        learning_rate: of stages that train the backbone; None is the preset's.
        stage1_fraction: Stage 1's share of the updates; None is 0.1 where there is a Stage 1.
        stage1_learning_rate: of stages that train head or adapter; None is the preset's.
        max_length: tokens per row; None is the preset's.
        precision: of training: `auto`, `fp32` or `bf16`. Prediction is in fp32.
        random_state: the root seed.

    Attributes:
        classes_: [c], sorted.
        run_: the run's record: stages, losses, cost.
    """

    def __init__(
        self,
        model: str = "embedded:minilm-l6",
        *,
        strategy: str = "eh_ft",
        adapter: str | None = None,
        head: str | None = None,
        preset: str = "default",
        epochs: float | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        stage1_fraction: float | None = None,
        stage1_learning_rate: float | None = None,
        max_length: int | None = None,
        precision: str = "auto",
        random_state: int = 0,
    ) -> None:
        self.model = model
        self.strategy = strategy
        self.adapter = adapter
        self.head = head
        self.preset = preset
        self.epochs = epochs
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.stage1_fraction = stage1_fraction
        self.stage1_learning_rate = stage1_learning_rate
        self.max_length = max_length
        self.precision = precision
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> HeadstartClassifier:
        """Train on n texts, or n pairs of texts, and their labels.

        Args:
            X: n strings, n pairs of strings, or a table with one or two columns of strings.
            y: [n] labels of any sortable kind, two classes or more.

        Raises:
            ValueError: if X holds no texts, lengths differ, or there are fewer than two classes.
            UsageError: if the options cannot work together.
            HeadstartError: if the run diverged or failed.
        """
        texts = _texts(X)
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        if len(labels) != len(texts):
            raise ValueError(f"Found input variables with inconsistent numbers of samples: {[len(texts), len(labels)]}")
        self.classes_, indices = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"Classifier can't train when only one class is present: {self.classes_[0]!r}")
        workspace = Workspace()
        workspace.add_task(SOURCE, _task_data(texts, indices, self.classes_))
        choices = self._choices()
        ((strategy, adapter),) = pairings(choices)
        evaluation = Evaluation(split=None)
        experiment = build_experiment(choices, strategy, adapter, SOURCE, workspace, evaluation)
        self.run_, self._saved = _train(Run(experiment, self.random_state, SOURCE), choices, workspace)
        self.n_texts_ = len(texts[0])
        return self

    def predict_proba(self, X: Any) -> npt.NDArray[np.float32]:
        """Return probabilities [n, c], columns as in `classes_`."""
        check_is_fitted(self, "_saved")
        texts = _texts(X)
        if len(texts[0]) != self.n_texts_:
            raise ValueError(f"X has {len(texts[0])} texts a row, but the classifier was fitted on {self.n_texts_}")
        device = resolve_device()
        split = Split(texts=texts)
        return predict(self._saved, split, precision=resolve_precision("fp32", device), device=device).probabilities

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the most probable class of each row [n]."""
        check_is_fitted(self, "_saved")
        return self.classes_[self.predict_proba(X).argmax(axis=1)]  # type: ignore[no-any-return]

    def _choices(self) -> Choices:
        return Choices(
            model=self.model,
            strategies=(Spec.parse(self.strategy),),
            adapters=(Spec.parse(self.adapter),) if self.adapter else (),
            head=Spec.parse(self.head) if self.head else None,
            preset=self.preset,
            epochs=self.epochs,
            steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            stage1_fraction=self.stage1_fraction,
            stage1_learning_rate=self.stage1_learning_rate,
            max_length=self.max_length,
            precision=self.precision,
        )

    def __sklearn_tags__(self) -> Any:
        """Say that rows are texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        return tags


def _train(run: Run, choices: Choices, workspace: Workspace) -> tuple[RunRecord, SavedModel]:
    from headstart.inference.saved import load_saved_model

    with tempfile.TemporaryDirectory(prefix="headstart-") as folder:
        out = Path(folder) / "model"
        record = fit_model(run, choices, out, workspace, lambda event: None)
        if record.status is not RunStatus.FINISHED:
            raise HeadstartError(f"the run ended as {record.status}: {record.error}")
        return record, load_saved_model(out)


def _texts(X: Any) -> tuple[tuple[str, ...], ...]:
    """Return rows of one or two texts.

    Raises:
        ValueError: if there are no rows, or something is no text.
    """
    if isinstance(X, str) or not isinstance(X, Iterable):
        raise ValueError("X must be a collection of texts or pairs of texts, such as a list")
    values = X.to_numpy() if hasattr(X, "to_numpy") else X
    rows = tuple(
        (row,) if isinstance(row, str) else tuple(row) if isinstance(row, Iterable) else (row,) for row in values
    )
    if not rows:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    wrong = next(
        (row for row in rows if len(row) not in (1, 2) or not all(isinstance(text, str) for text in row)), None
    )
    if wrong is not None or len({len(row) for row in rows}) != 1:
        raise ValueError(
            f"X must hold one text or two in every row; found {wrong!r}" if wrong else "rows differ in length"
        )
    return tuple(tuple(str(text) for text in row) for row in rows)


def _task_data(texts: tuple[tuple[str, ...], ...], indices: npt.NDArray[Any], classes: npt.NDArray[Any]) -> TaskData:
    columns = ("text",) if len(texts[0]) == 1 else ("text", "text_pair")
    task = Task(
        name=SOURCE.name, text_columns=columns, label_column="label", labels=tuple(str(each) for each in classes)
    )
    splits = {"train": Split(texts=texts, labels=tuple(int(index) for index in indices))}
    return TaskData(task=task, splits=splits, fingerprint=fingerprint(task, splits))
