"""Any number of c classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

from headstart.kinds.cells import class_name, index_below, is_missing
from headstart.kinds.kind import Cell, Kind, Label, Values
from headstart.losses import LossConfig

if TYPE_CHECKING:
    import torch


@final
class MultiLabel(Kind):
    """Any number of c classes, also zero: answers are a probability for each [n, c], decisions 0 or 1 [n, c]."""

    name = "multi_label"
    metrics = ("micro_f1", "macro_f1", "accuracy")
    takes_several = True
    min_classes = 1
    problem_type = "multi_label_classification"
    decision = ("predicted_labels", [""])

    def would_take(self, cells: Sequence[object], separator: str | None, choices: Sequence[str]) -> str | None:
        """Take lists, and cells with a separator in them."""
        if separator is not None:
            return "since a `separator` was given"
        return "since the labels are lists" if any(isinstance(value, list) for value in cells) else None

    def read(self, value: object, separator: str | None, choices: Sequence[str]) -> Cell:
        """Return the classes of a list, or of a cell that is cut at the separator; an empty one has no class."""
        if isinstance(value, list):
            return Cell(names=_distinct([class_name(part) for part in value]))
        if separator is None or not isinstance(value, str):
            return Cell(names=(class_name(value),))
        return Cell(names=_distinct([class_name(part) for part in value.split(separator) if not is_missing(part)]))

    def label(self, cell: Cell, index: Mapping[str, int]) -> Label:
        """Return the classes' indices in ascending order."""
        return tuple(sorted({index[name] for name in cell.names}))

    def indexed_label(self, value: object, size: int) -> Label:
        """Return the indices of a list in ascending order."""
        if not isinstance(value, list | tuple):
            raise ValueError(f"the label is {value!r}, and not a list of classes")
        return tuple(sorted({index_below(part, size) for part in value}))

    def target(self, value: object, size: int) -> list[float]:
        """Return a number from 0 to 1 for each class."""
        parts = list(value) if isinstance(value, list | tuple) else []
        if len(parts) != size or not all(isinstance(part, int | float) and 0 <= part <= 1 for part in parts):
            raise ValueError(f"the label is {value!r}, and not a list of {size} numbers from 0 to 1")
        return [float(part) for part in parts]

    def fault_of_all(self, cells: Sequence[Cell]) -> str:
        """Some row needs a class."""
        return "no row has any label" if cells and not any(cell.names for cell in cells) else ""

    def label_array(self, labels: Sequence[Label], num_labels: int) -> Values:
        """Return 1 for each of an example's classes and 0 for the others, [n, c]."""
        import numpy as np

        chosen = np.zeros((len(labels), num_labels), dtype=np.int64)
        for row, classes in enumerate(labels):
            chosen[row, list(classes if isinstance(classes, tuple) else (int(classes),))] = 1
        return chosen

    def balanced_weights(self, class_counts: Sequence[float], num_rows: int) -> tuple[float, ...]:
        """Return for each class the rows without it over those with it: both then weigh the same; each counts as one.

        Source: torch's `BCEWithLogitsLoss`, on `pos_weight`.
        """
        return tuple(max(1, num_rows - count) / max(1, count) for count in class_counts)

    def constants(self, labels: Values, weights: Values | None = None) -> list[Values]:
        """Return three sets, [c] each: the best under micro F1, under macro F1, and as a whole (accuracy).

        A constant set of s classes, of which the rows have t in all, has the micro F1 2 t / (s n + p), where p counts
        the classes of all rows. Of all sets of s classes that with the most frequent ones is the best. Macro F1 is
        highest with every class that occurs, accuracy with the most frequent set.
        """
        import numpy as np

        weights = np.ones(len(labels), dtype=np.int64) if weights is None else weights
        counts = weights @ labels
        by_frequency = np.argsort(-counts, kind="stable")
        sizes = np.arange(1, len(counts) + 1)
        micro_f1 = 2 * counts[by_frequency].cumsum() / (sizes * weights.sum() + counts.sum())
        most_frequent = np.zeros(len(counts), dtype=np.int64)
        most_frequent[by_frequency[: micro_f1.argmax() + 1]] = 1
        totals: defaultdict[bytes, float] = defaultdict(float)
        for row, weight in zip(labels.astype(np.int64), weights.tolist(), strict=True):
            totals[row.tobytes()] += weight
        commonest = max(totals, key=totals.__getitem__)
        every_class = np.asarray(counts > 0, dtype=np.int64)
        return [most_frequent, every_class, np.frombuffer(commonest, dtype=np.int64)]

    def variance(self, labels: Values) -> float:
        """Return the variance of 0 and 1 for each class, summed."""
        return float(labels.var(axis=0).sum())

    def written(self, decision: Any, labels: Sequence[str]) -> list[str]:
        """Return the list of the classes' names."""
        return [name for name, chosen in zip(labels, decision, strict=True) if chosen]

    def answers(self, logits: torch.Tensor) -> torch.Tensor:
        """Return probabilities [n, c]."""
        return logits.float().sigmoid()

    def decisions(self, answers: torch.Tensor) -> torch.Tensor:
        """Return 1 for each class that is at least as probable as not, [n, c]."""
        return (answers >= 0.5).long()

    def loss(
        self, logits: torch.Tensor, labels: torch.Tensor, config: LossConfig, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the mean over examples and classes; smoothing moves every target towards one half.

        A class's weight multiplies the loss where the class is right (`pos_weight`), and leaves it where it is not.
        """
        from torch.nn.functional import binary_cross_entropy_with_logits

        loss, of_classes, smoothing = config.loss, config.weights(logits), config.label_smoothing
        targets = labels.float() * (1 - smoothing) + smoothing / 2
        losses = binary_cross_entropy_with_logits(logits, targets, pos_weight=of_classes, reduction="none")
        if loss.has_factor:
            losses = losses * loss.factor(logits.where(labels > 0, -logits).sigmoid())
        return losses.mean() if weights is None else (losses * weights.unsqueeze(-1)).mean()

    def divergence(self, logits: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Return the mean of the two Kullback-Leibler divergences of each class, in nats, averaged over classes."""
        # The log-odds are the logits, so that the two divergences add up to one product.
        return ((logits.sigmoid() - others.sigmoid()) * (logits - others)).mean(dim=-1) / 2


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("names a class twice, as votes do: give each class of a row once, or one label per row")
    return tuple(names)
