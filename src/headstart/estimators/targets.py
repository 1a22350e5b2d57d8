"""y: classes, 0 and 1 for several of them, or numbers, whatever holds them. Letters: n rows, c classes."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from headstart.estimators.texts import column_names
from headstart.kinds.catalogue import kind_named
from headstart.kinds.kind import Kind, Label
from headstart.kinds.spelling import difference, folded


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Labels as a `Split` has them, and the classes that they are of.

    Attributes:
        classes: [c], as predictions name them; empty where labels are numbers.
    """

    kind: Kind
    labels: tuple[Label, ...]
    classes: npt.NDArray[Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, as texts."""
        return tuple(str(each) for each in self.classes)

    @property
    def written(self) -> list[str]:
        """Each row's label as a text; nothing where a row may have several."""
        if not self.kind.picks_one:
            return []
        return [self.names[label] for label in self.labels if isinstance(label, int)]


def read_classes(y: Any) -> Targets:
    """Return classes [n], or several at once from 0 and 1 for each class [n, c].

    The columns of a table of 0 and 1 name its classes; those of an array are called by their numbers.

    Raises:
        ValueError: if a label is missing, labels cannot be sorted, or there are fewer than two classes.
    """
    names, values = column_names(y), _plain(y)
    _refuse_missing(values)
    try:
        check_classification_targets(values)
        if type_of_target(values) == "multilabel-indicator":
            return _several(np.asarray(values), names)
        classes, indices = np.unique(column_or_1d(values, warn=True), return_inverse=True)
    except TypeError as error:
        raise ValueError(f"y holds labels of kinds that cannot be sorted together: {error}") from error
    if len(classes) == 1:
        raise ValueError(f"Classifier can't train when only one class is present: {classes[0]!r}")
    _warn_of_namesakes([each for each in classes if isinstance(each, str)])
    return Targets(kind=kind_named("classification"), labels=tuple(int(index) for index in indices), classes=classes)


def _warn_of_namesakes(names: list[str]) -> None:
    """Warn of classes that a person would read as one; they stay two, as everywhere in scikit-learn."""
    by_fold: dict[str, str] = {}
    for name in names:
        first = by_fold.setdefault(folded(name), name)
        if first != name:
            warnings.warn(f"the classes {first!r} and {name!r} {difference(first, name)}", UserWarning, stacklevel=4)


def _several(chosen: npt.NDArray[Any], names: list[str] | None) -> Targets:
    rows = tuple(tuple(int(index) for index in np.flatnonzero(row)) for row in chosen)
    classes = np.arange(chosen.shape[1]) if names is None else np.array(names)
    return Targets(kind=kind_named("multi_label"), labels=rows, classes=classes)


def read_numbers(y: Any) -> Targets:
    """Return numbers [n].

    Raises:
        ValueError: if one is missing or not finite.
    """
    values = _plain(y)
    if np.asarray(values).dtype == object:
        _refuse_missing(values)
    numbers = column_or_1d(values, dtype=np.float64, warn=True)
    if not np.isfinite(numbers).all():
        raise ValueError("y holds NaN or infinity")
    labels = tuple(float(value) for value in numbers)
    return Targets(kind=kind_named("regression"), labels=labels, classes=np.array([]))


def read_weights(sample_weight: Any, num_rows: int) -> tuple[float, ...] | None:
    """Return the weights of n rows; None where they have none.

    Raises:
        ValueError: if there are not n, one is below 0 or not finite, or all are 0.
    """
    if sample_weight is None:
        return None
    values = column_or_1d(_plain(sample_weight), dtype=np.float64, warn=True)
    if len(values) != num_rows:
        raise ValueError(f"sample_weight has {len(values)} values, and X has {num_rows} rows")
    for row, value in enumerate(values.tolist()):
        if not 0 <= value < math.inf:
            raise ValueError(f"sample_weight[{row}] is {value!r}, and not a finite number that is 0 or more")
    if not values.any():
        raise ValueError("sample_weight is 0 everywhere: no row would count")
    return tuple(values.tolist())


def _plain(y: Any) -> Any:
    """Return what scikit-learn reads: sparse matrices as arrays, Arrow's columns as lists, its tables as arrays."""
    if hasattr(y, "toarray"):
        return y.toarray()
    if hasattr(y, "to_pylist"):
        rows = y.to_pylist()
        return np.array([list(row.values()) for row in rows]) if rows and isinstance(rows[0], dict) else rows
    # Indicators may be numbers of any kind; scikit-learn knows them as such in an array.
    return y.to_numpy() if column_names(y) is not None and hasattr(y, "to_numpy") else y


def _refuse_missing(values: Any) -> None:
    rows = np.asarray(values, dtype=object)
    if not len(rows):
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    for number, row in enumerate(rows.reshape(len(rows), -1)):
        if any(_is_missing(each) for each in row):
            raise ValueError(f"row {number} of y has no label: leave such rows out")


def _is_missing(value: Any) -> bool:
    # pandas' mark for a missing value is unlike everything, and has no truth value.
    return value is None or type(value).__name__ == "NAType" or bool(value != value)
