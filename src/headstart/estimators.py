"""The engine with the habits of scikit-learn. Letters: n rows, c classes."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d

from headstart.artifacts.model_folder import SavedModel
from headstart.data.examples import HALF_CHARACTER, Split, TaskData, has_half_character
from headstart.data.loading import fingerprint
from headstart.data.stored_rows import write_rows
from headstart.errors import HeadstartError, UsageError
from headstart.experiments.experiment import Evaluation, Run, TaskSource
from headstart.experiments.methods import check_method
from headstart.experiments.options import MethodOptions, ModelOptions, Options, TrainingOptions
from headstart.experiments.planning import plan_experiment, run_options
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.inference.predict import Predictions, predict
from headstart.kinds.catalogue import kind_named
from headstart.kinds.kind import Kind, Label
from headstart.option import MEANING, check_types, options_of, read_options
from headstart.process_state import process_state_kept
from headstart.registry import Spec
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus
from headstart.sweeps.fitting import fit_model, working_store
from headstart.sweeps.serial import SerialExecutor
from headstart.tasks.task import Task

TASK_NAME = "in memory"

GROUPS = (ModelOptions, MethodOptions, TrainingOptions)
OFFERED = {name: field for kind in GROUPS for name, field in options_of(kind).items() if name != "class_weights"}
"""The estimators' options by name; `class_weights` has scikit-learn's name."""


def _signature() -> inspect.Signature:
    """Return the signature of an estimator, which scikit-learn reads its parameters from."""
    kinds = inspect.Parameter
    fields = {name: field.default for name, field in OFFERED.items()}
    defaults = {name: str(value) if isinstance(value, Spec) else value for name, value in fields.items()}
    defaults |= {"class_weight": None, "random_state": 0}
    parameters = [kinds(name, kinds.KEYWORD_ONLY, default=value) for name, value in defaults.items() if name != "model"]
    model = kinds("model", kinds.POSITIONAL_OR_KEYWORD, default=defaults["model"])
    return inspect.Signature([kinds("self", kinds.POSITIONAL_OR_KEYWORD), model, *parameters])


class HeadstartEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A pretrained model, fine-tuned on texts; by default by EH-FT with LoRA.

    X is n strings, n pairs of strings, or a table with one or two columns of strings (pandas, polars, a `Dataset`).
    The options are those of the command line, written as there; None is the preset's choice.

    Args:
    {options}
        class_weight: `balanced`, or None for equal weights.
        random_state: the root seed.

    Attributes:
        run_: the run's record: stages, losses, cost.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        given = SIGNATURE.bind(self, *arguments, **options)
        given.apply_defaults()
        for name, value in given.arguments.items():
            if name != "self":
                setattr(self, name, value)

    def _fit(self, X: Any, kind: Kind, labels: Sequence[Label], classes: Sequence[str]) -> Self:
        """Train on rows with labels as a `Split` has them."""
        texts = _texts(X)
        if len(labels) != len(texts):
            raise ValueError(f"Found input variables with inconsistent numbers of samples: {[len(texts), len(labels)]}")
        self.run_, self._saved = _train(
            _task_data(texts, kind, labels, classes), self._options(), int(self.random_state)
        )
        self.n_texts_ = len(texts[0])
        return self

    def _predict(self, X: Any) -> Predictions:
        check_is_fitted(self, "_saved")
        texts = _texts(X)
        if len(texts[0]) != self.n_texts_:
            raise ValueError(f"X has {len(texts[0])} texts a row, but the model was fitted on {self.n_texts_}")
        return predict(self._saved, Split(texts=texts))

    def _options(self) -> Options:
        if not isinstance(self.class_weight, str | None):
            raise UsageError(
                f"`class_weight` was given as {self.class_weight!r}",
                allowed='  It is None, "balanced", or a JSON file that maps each label to its weight.',
            )
        given = {name: getattr(self, name) for name in OFFERED} | {"class_weights": self.class_weight or "none"}
        values = {name: value.item() if isinstance(value, np.generic) else value for name, value in given.items()}
        for kind in GROUPS:
            check_types(kind, values)
        if isinstance(self.random_state, bool) or not isinstance(self.random_state, int | np.integer):
            raise UsageError(f"`random_state` was given as {self.random_state!r}", allowed="  It is a whole number.")
        return Options(
            model=read_options(ModelOptions, values),
            method=read_options(MethodOptions, values),
            training=read_options(TrainingOptions, values),
        )

    def __sklearn_tags__(self) -> Any:
        """Say that rows are texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        return tags


SIGNATURE = _signature()
HeadstartEstimator.__init__.__signature__ = SIGNATURE  # type: ignore[attr-defined]  # scikit-learn reads it
HeadstartEstimator.__doc__ = str(HeadstartEstimator.__doc__).format(
    options="\n".join(f"        {name}: {field.metadata[MEANING]}" for name, field in OFFERED.items())
)


class HeadstartClassifier(ClassifierMixin, HeadstartEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Sort texts into one of several classes, or into any number of them.

    The arguments are those of `HeadstartEstimator`.

    Attributes:
        classes_: [c], sorted; for multi-label answers their column numbers.
        run_: the run's record: stages, losses, cost.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train on n texts, or n pairs of texts, and their labels.

        Args:
            X: n strings, n pairs of strings, or a table with one or two columns of strings.
            y: [n] labels of any sortable kind, two classes or more; or [n, c] of 0 and 1, for multi-label answers.

        Raises:
            ValueError: if X holds no texts, lengths differ, or there are fewer than two classes.
            UsageError: if the options cannot work together.
            HeadstartError: if the run diverged or failed.
        """
        check_classification_targets(y)
        if type_of_target(y) == "multilabel-indicator":
            chosen = np.asarray(y)
            self.classes_ = np.arange(chosen.shape[1])
            rows = [tuple(int(index) for index in np.flatnonzero(row)) for row in chosen]
            return self._fit(X, kind_named("multi_label"), rows, [str(index) for index in self.classes_])
        self.classes_, indices = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError(f"Classifier can't train when only one class is present: {self.classes_[0]!r}")
        names = [str(name) for name in self.classes_]
        return self._fit(X, kind_named("classification"), [int(index) for index in indices], names)

    def predict_proba(self, X: Any) -> npt.NDArray[np.float32]:
        """Return probabilities [n, c], columns as in `classes_`; rows add up to 1, multi-label rows need not."""
        return self._predict(X).answers

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the most probable class of each row [n], or 0 and 1 per class for multi-label answers [n, c]."""
        predictions = self._predict(X)
        decided = predictions.decisions
        return self.classes_[decided] if predictions.kind.picks_one else decided


class HeadstartRegressor(RegressorMixin, HeadstartEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Give texts a number.

    The arguments are those of `HeadstartEstimator`.

    Attributes:
        run_: the run's record: stages, losses, cost.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train on n texts, or n pairs of texts, and their numbers.

        Args:
            X: n strings, n pairs of strings, or a table with one or two columns of strings.
            y: [n] finite numbers.

        Raises:
            ValueError: if X holds no texts, lengths differ, or a number is not finite.
            UsageError: if the options cannot work together.
            HeadstartError: if the run diverged or failed.
        """
        values = column_or_1d(y, dtype=np.float64, warn=True)
        if not np.isfinite(values).all():
            raise ValueError("y holds NaN or infinity")
        return self._fit(X, kind_named("regression"), [float(value) for value in values], ())

    def predict(self, X: Any) -> npt.NDArray[np.float32]:
        """Return the number of each row [n]."""
        values: npt.NDArray[np.float32] = self._predict(X).answers[:, 0]
        return values


def _train(data: TaskData, options: Options, seed: int) -> tuple[RunRecord, SavedModel]:
    from headstart.inference.saved import load_saved_model

    check_method(options.method, options.training)
    cache = RunDataCache()
    with process_state_kept(), tempfile.TemporaryDirectory(prefix="headstart-") as folder:
        out = Path(folder) / "model"
        store = LocalStore(working_store(out))
        source = TaskSource(name=data.task.name, stored_rows=str(write_rows(store, data)))
        experiment = plan_experiment(options, source, cache, Evaluation(split=None))
        may = run_options(options.training, experiment.plan, keep_backbone=True, diagnostics=False)
        executor = SerialExecutor(store, may, cache=cache)
        record = fit_model(RunData.of(Run(experiment, seed, source), cache), store, out, executor)
        if record.status is not RunStatus.FINISHED:
            raise HeadstartError(f"the run ended as {record.status}: {record.error}")
        return record, load_saved_model(out)


def _texts(X: Any) -> tuple[tuple[str, ...], ...]:
    """Return rows of one or two texts.

    Raises:
        ValueError: if X has no rows, or holds something other than texts.
    """
    if isinstance(X, str) or not isinstance(X, Iterable):
        raise ValueError("X must be a collection of texts or pairs of texts, such as a list")
    rows = tuple((row,) if isinstance(row, str) else row for row in _rows(X))
    if not rows:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    wrong = next(
        (row for row in rows if len(row) not in (1, 2) or not all(isinstance(text, str) for text in row)), None
    )
    if wrong is not None:
        raise ValueError(f"X must hold one text or two in every row; found {wrong!r}")
    if len({len(row) for row in rows}) != 1:
        raise ValueError("rows of X differ in length")
    for number, row in enumerate(rows):
        if any(map(has_half_character, row)):
            raise ValueError(f"X[{number}] {HALF_CHARACTER}: {row!r}")
    return tuple(tuple(str(text) for text in row) for row in rows)


def _rows(X: Any) -> Iterator[Any]:
    """Yield rows, whatever holds them: a `Dataset`'s rows are dictionaries, a data frame's are arrays."""
    values = X.to_numpy() if hasattr(X, "to_numpy") else X
    for row in values:
        if isinstance(row, dict):
            yield tuple(row.values())
        else:
            yield row if isinstance(row, str) else tuple(row) if isinstance(row, Iterable) else (row,)


def _task_data(
    texts: tuple[tuple[str, ...], ...], kind: Kind, labels: Sequence[Label], classes: Sequence[str]
) -> TaskData:
    task = Task(
        name=TASK_NAME,
        kind=kind,
        text_columns=("text",) if len(texts[0]) == 1 else ("text", "text_pair"),
        label_column="label",
        labels=tuple(classes),
    )
    splits = {"train": Split.of(texts=texts, labels=tuple(labels))}
    return TaskData(task=task, splits=splits, fingerprint=fingerprint(task, splits))
