"""The engine with the habits of scikit-learn. Letters: n rows, c classes."""

from __future__ import annotations

import inspect
import tempfile
import warnings
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from headstart.artifacts.saved_model import SavedModel
from headstart.artifacts.working_store import working_store
from headstart.data.examples import Split, TaskData
from headstart.data.loading import fingerprint
from headstart.data.row_weights import without_equal_weights
from headstart.data.stored_rows import write_rows
from headstart.errors import HeadstartError
from headstart.estimators.parameters import OFFERED, read_deciding, read_parameters, read_search, read_seed
from headstart.estimators.targets import Targets, read_classes, read_numbers, read_weights
from headstart.estimators.texts import Rows, column_like_labels, column_names, read_texts
from headstart.experiments.experiment import Evaluation, Run, TaskSource
from headstart.experiments.methods import check_method
from headstart.experiments.options import DecisionOptions, Options
from headstart.experiments.planning import plan_experiment, run_options
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.inference.predict import Predictions, predict
from headstart.option import MEANING
from headstart.process_state import process_state_kept
from headstart.registry import Spec
from headstart.search.best_folder import write_best
from headstart.search.clock import Clock
from headstart.search.executors import executor_of_search
from headstart.search.find_best import Search
from headstart.search.options import SearchOptions, check_no_search, check_search
from headstart.search.trials import Trials
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus
from headstart.strategies.catalogue import AUTO
from headstart.sweeps.fitting import fit_model, way_on
from headstart.sweeps.serial import SerialExecutor
from headstart.sweeps.thresholds import require_tunable
from headstart.tasks.task import Task
from headstart.temporary import temporary_folder

TASK_NAME = "in memory"

NUM_LOOKED_AT = 256
"""Training rows, evenly spread, that are answered after a training to see whether the answers differ at all."""


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
    """A pretrained model, trained on texts; by default by the best of several ways that `time_limit` allows to try.

    Each `fit` with the strategy "auto" searches anew, within its own limit; without one within 1.5 times the time of
    one fine-tuning, between 2 and 15 minutes. Inside `cross_val_score` with five folds that is five searches, and how
    long each of them may train depends on how busy the machine is when it begins. Name a strategy for a fixed cost and
    for equal results at an equal `random_state`: `strategy="lp_ft:fit", head="linear"`.

    X is n strings, n pairs of strings, or a table with one or two columns of strings (pandas, polars, pyarrow, a
    `Dataset`). The columns' names are kept, and a table with others, or in another order, is refused afterwards.
    The options are those of the command line, written as there; None is the preset's choice.

    A fitted estimator holds its weights: `pickle` and `joblib` keep them, and `copy.deepcopy` does. skops does not,
    since it keeps no modules of torch. Trainings in several threads wait for each other; predictions do not wait.

    Args:
    {options}
        class_weight: `balanced`, None for equal weights, a dictionary of class: weight (1 for a class that it does not
            name), or a JSON file that holds one for all classes.
        random_state: the root seed; or a generator of NumPy, from which each `fit` draws one; None draws it from
            NumPy's global generator.

    Attributes:
        run_: the run's record: stages, losses, cost.
        n_features_in_: texts in a row, 1 or 2.
        feature_names_in_: names of the columns, where X was a table with names.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        given = SIGNATURE.bind(self, *arguments, **options)
        given.apply_defaults()
        for name, value in given.arguments.items():
            if name != "self":
                setattr(self, name, value)

    def _fit(self, X: Any, targets: Targets, sample_weight: Any) -> Self:
        """Train on rows and their labels."""
        names, texts = column_names(X), read_texts(X)
        if len(targets.labels) != len(texts):
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[len(texts), len(targets.labels)]}"
            )
        weights = read_weights(sample_weight, len(texts))
        column = column_like_labels(texts, targets.written)
        if column is not None:
            name = repr(names[column]) if names else f"number {column}"
            raise ValueError(f"the column {name} of X is y itself: leave it out of X")
        with temporary_folder(Path(tempfile.gettempdir()) / "headstart") as folder:
            options = read_parameters(self.get_params(deep=False), targets.classes.tolist(), folder)
            data, search = _task_data(texts, targets, weights), read_search(self.get_params(deep=False))
            deciding = read_deciding(self.get_params(deep=False))
            self.run_, self._saved = _train(data, options, search, deciding, read_seed(self.random_state), folder)
        self.n_features_in_ = len(texts[0])
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        for gap in self.run_.class_gaps:
            warnings.warn(f"{gap}: nothing of it can be learned", UserWarning, stacklevel=3)
        _warn_of_collapse(self._saved, data)
        return self

    def save(self, folder: str | Path) -> None:
        """Write the fitted model as a folder, as `headstart fit` does, for `headstart.load` and the command line.

        There labels are names: a class 1 of `y` is "1".

        Args:
            folder: new or empty; it appears whole or not at all.

        Raises:
            UsageError: if the folder is not empty.
        """
        from headstart.inference.saved import save_saved_model

        check_is_fitted(self, "_saved")
        with process_state_kept():
            save_saved_model(self._saved, Path(folder), self.run_)

    def _predict(self, X: Any) -> Predictions:
        check_is_fitted(self, "_saved")
        self._check_names(column_names(X))
        texts = read_texts(X)
        if len(texts[0]) != self.n_features_in_:
            raise ValueError(f"X has {len(texts[0])} texts a row, but the model was fitted on {self.n_features_in_}")
        return predict(self._saved, Split(texts=texts), device=getattr(self, "device", None))

    def _check_names(self, names: list[str] | None) -> None:
        fitted = getattr(self, "feature_names_in_", None)
        if fitted is None or names is None:
            return
        if names != list(fitted):
            raise ValueError(
                "The feature names should match those that were passed during fit, in the same order.\n"
                f"Fitted on: {', '.join(fitted)}. Given: {', '.join(names)}."
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
        classes_: [c], sorted; for multi-label answers the names of y's columns, or their numbers.
        run_: the run's record: stages, losses, cost.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on n texts, or n pairs of texts, and their labels.

        Args:
            X: n strings, n pairs of strings, or a table with one or two columns of strings.
            y: [n] labels of any sortable kind, two classes or more; or [n, c] of 0 and 1, for multi-label answers: an
                array, a sparse matrix, or a table whose columns name the classes.
            sample_weight: [n] how much each row counts, 0 or more: one of 2 counts as two rows, one of 0 is left out.
                Only their ratios matter, so that twice all weights changes nothing. None counts every row the same.

        Raises:
            ValueError: if X holds no texts, or y among them; lengths differ; a label is missing; or there are fewer
                than two classes; or a weight is below 0 or not finite, or all are 0.
            UsageError: if the options cannot work together.
            HeadstartError: if the run diverged or failed.
        """
        targets = read_classes(y)
        self.classes_ = targets.classes
        return self._fit(X, targets, sample_weight)

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

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on n texts, or n pairs of texts, and their numbers.

        Args:
            X: n strings, n pairs of strings, or a table with one or two columns of strings.
            y: [n] finite numbers.
            sample_weight: as in `HeadstartClassifier.fit`.

        Raises:
            ValueError: if X holds no texts, lengths differ, a number is not finite; or a weight is below 0 or not
                finite, or all are 0.
            UsageError: if the options cannot work together.
            HeadstartError: if the run diverged or failed.
        """
        return self._fit(X, read_numbers(y), sample_weight)

    def predict(self, X: Any) -> npt.NDArray[np.float32]:
        """Return the number of each row [n]."""
        values: npt.NDArray[np.float32] = self._predict(X).answers[:, 0]
        return values


def _train(
    data: TaskData, options: Options, search: SearchOptions, deciding: DecisionOptions, seed: int, folder: Path
) -> tuple[RunRecord, SavedModel]:
    from headstart.inference.saved import load_saved_model

    cache, out = RunDataCache(), folder / "model"
    is_search = options.method.strategy == AUTO
    if deciding.tune_thresholds:
        require_tunable(data.task, is_private=options.training.dp is not None, has_held_out=is_search)
    with process_state_kept():
        store = LocalStore(working_store(out))
        source = TaskSource(name=data.task.name, stored_rows=str(write_rows(store, data)))
        if is_search:
            record = _search(options, search, deciding, source, seed, store, cache, out)
        else:
            check_no_search(search, str(options.method.strategy))
            record = _fit_one(options, source, seed, store, cache, out)
        if record.status is not RunStatus.FINISHED:
            remedy = f"\n  {way_on(record, store.root)}" if record.status is RunStatus.DIVERGED else ""
            raise HeadstartError(f"the run ended as {record.status}: {record.error}{remedy}")
        return record, load_saved_model(out)


def _search(
    options: Options,
    asked: SearchOptions,
    deciding: DecisionOptions,
    source: TaskSource,
    seed: int,
    store: LocalStore,
    cache: RunDataCache,
    out: Path,
) -> RunRecord:
    check_search(options, asked)
    search = Search(
        trials=Trials(options, source, cache, seed, cut_off=False),
        store=store,
        clock=Clock(asked.time_limit),
        executor_for=executor_of_search(options.training, store, cache),
        asked_head=options.model.head,
        only_native=asked.plain_folder,
    )
    best = search.find()
    return best.failed or write_best(search, best, out, tunes_thresholds=deciding.tune_thresholds)


def _fit_one(
    options: Options, source: TaskSource, seed: int, store: LocalStore, cache: RunDataCache, out: Path
) -> RunRecord:
    check_method(options.method, options.training)
    experiment = plan_experiment(options, source, cache, Evaluation(split=None))
    may = run_options(options.training, experiment.plan, keep_backbone=True, diagnostics=False)
    executor = SerialExecutor(store, may, cache=cache)
    return fit_model(RunData.of(Run(experiment, seed, source), cache), store, out, executor)


def _warn_of_collapse(saved: SavedModel, data: TaskData) -> None:
    """Warn where a model says the same of training rows that are not the same."""
    split = data.splits["train"]
    rows = split.take(range(0, len(split), max(1, len(split) // NUM_LOOKED_AT)))
    labels = data.task.kind.label_array(rows.labels or (), data.task.num_labels)
    answered = predict(saved, rows)
    if data.task.kind.says_nothing(labels, answered.answers, answered.decisions):
        warnings.warn(
            "every answer is the same: the model has learned nothing from its texts; train longer, or with another "
            "learning rate",
            UserWarning,
            stacklevel=4,
        )


def _task_data(texts: Rows, targets: Targets, weights: tuple[float, ...] | None) -> TaskData:
    task = Task(
        name=TASK_NAME,
        kind=targets.kind,
        text_columns=("text",) if len(texts[0]) == 1 else ("text", "text_pair"),
        label_column="label",
        labels=targets.names,
        metrics=targets.kind.metrics,
    )
    rows = Split.of(texts=texts, labels=targets.labels, weights=weights)
    counted = [row for row, weight in enumerate(weights or ()) if weight]
    splits = {"train": without_equal_weights(rows.take(counted) if weights is not None else rows)}
    return TaskData(task=task, splits=splits, fingerprint=fingerprint(task, splits))
