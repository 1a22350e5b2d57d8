"""What any kind of answer can be asked; one subclass per kind, in a file of its own.

Letters: n examples, s sequences, k logits per sequence, c classes, m choices of the example that has the most. An
example is read as one sequence; as one per choice, for multiple choice; or as one per window, for texts longer than the
model reads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from headstart.kinds.cells import index_below
from headstart.losses import RAW, LossConfig, Scale
from headstart.registry import Registry

if TYPE_CHECKING:
    import numpy
    import pyarrow
    import torch
    from numpy.typing import NDArray

Values: TypeAlias = "NDArray[numpy.int64] | NDArray[numpy.float64]"
Answers: TypeAlias = "NDArray[numpy.float32] | NDArray[numpy.float64]"
Label = int | float | tuple[int, ...]
"""A class or choice by its index, a number, or the indices of several classes in ascending order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A label as it is written: the names of its classes, or a number (for choices the right one's, from 0)."""

    names: tuple[str, ...] = ()
    number: int | float = 0


class Kind(ABC):
    """A kind of answer. It has no state: two of the same class are equal, and `str` gives the name.

    Attributes:
        name: in options and files.
        metrics: what a user's own task is judged by, the main metric first.
        min_classes: classes that a task needs at least; 0 where answers are not classes.
        has_choices: an example brings choices of its own, whose number may differ from example to example.
        takes_several: an example may have several classes.
        picks_one: one of several answers is right, and each has a probability: there are accuracy and calibration.
        has_units: answers are numbers in a unit of their own: they have a scale, and errors in that unit.
        shift_cancels: adding a number to a head's one logit changes no probability.
        problem_type: transformers' word; None if it lacks one.
        dtype: of labels as an array.
        least_spread: of a model's answers, as a share of the labels' standard deviation; see `says_nothing`.
        decision: name of the column that holds decisions, and an example of one, which has the column's type.
    """

    name: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    min_classes: ClassVar[int] = 0
    has_choices: ClassVar[bool] = False
    takes_several: ClassVar[bool] = False
    picks_one: ClassVar[bool] = False
    has_units: ClassVar[bool] = False
    shift_cancels: ClassVar[bool] = False
    problem_type: ClassVar[Any] = None
    dtype: ClassVar[str] = "int64"
    least_spread: ClassVar[float] = 1e-4
    decision: ClassVar[tuple[str, object]]

    def __repr__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(self.name)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let pydantic read a kind by its name, and write the name into JSON."""
        from pydantic_core.core_schema import no_info_plain_validator_function, to_string_ser_schema

        return no_info_plain_validator_function(_by_name, serialization=to_string_ser_schema())

    @property
    def has_one_class(self) -> bool:
        """Whether each example has one of the classes that all examples share."""
        return self.has_classes and not self.takes_several

    @property
    def has_classes(self) -> bool:
        """Whether answers are among classes that the task fixes for all examples."""
        return self.min_classes > 0

    @abstractmethod
    def would_take(self, cells: Sequence[object], separator: str | None, choices: Sequence[str]) -> str | None:
        """Return why a column looks like this kind, in words; None where it does not.

        Args:
            cells: of the column, without missing ones.
            separator: between the labels of one cell.
            choices: columns of the choices.
        """

    @abstractmethod
    def read(self, value: object, separator: str | None, choices: Sequence[str]) -> Cell:
        """Return what stands in a cell.

        Raises:
            ValueError: with the reason why it cannot be read.
        """

    def label(self, cell: Cell, index: Mapping[str, int]) -> Label:
        """Return the label of a cell, given the index of each class."""
        return cell.number

    def indexed_label(self, value: object, size: int) -> Label:
        """Return the label of a row whose file has indices below `size` instead of names, or numbers.

        Raises:
            ValueError: with the reason why it cannot be read.
        """
        return index_below(value, size)

    def target(self, value: object, size: int) -> int | float | list[float]:
        """Return a label as a model's batch has it, from a row that is made for a model already.

        Args:
            value: a number, or a list of numbers.
            size: logits of the row.

        Raises:
            ValueError: with the reason why it cannot be one.
        """
        return index_below(value, size)

    def fault_of_all(self, cells: Sequence[Cell]) -> str:
        """Return why the training rows' labels as a whole cannot be learned; "" where they can."""
        return ""

    def num_logits(self, num_labels: int) -> int:
        """Return how many logits a model gives per sequence: one per class, or one in all."""
        return num_labels if self.has_classes else 1

    def label_array(self, labels: Sequence[Label], num_labels: int) -> Values:
        """Return labels as metrics read them: indices or numbers [n], or 0 and 1 for each class [n, c]."""
        import numpy as np

        return np.asarray(labels, dtype=self.dtype)

    def balanced_weights(self, class_counts: Sequence[float], num_rows: int) -> tuple[float, ...]:
        """Return weights inverse to the classes' frequencies, n / (c n_i), as scikit-learn's "balanced" has them.

        A class without any of the `num_rows` training rows counts as one.
        """
        counts = [count or 1 for count in class_counts]
        return tuple(sum(counts) / (len(counts) * count) for count in counts)

    @abstractmethod
    def constants(self, labels: Values, weights: Values | None = None) -> list[Values]:
        """Return answers, each of the shape of one label, of which one suits labels best as the only answer to all.

        Which of them that is depends on the metric: `headstart.tasks.constants` chooses. `weights` are those of the
        rows; None where each counts the same.
        """

    @abstractmethod
    def variance(self, labels: Values) -> float:
        """Return the variance of labels written as right `answers`, summed over the columns of these."""

    def scale(self, labels: Values, weights: Values | None = None) -> Scale:
        """Return the scale to learn such labels in; `RAW` where they have no units. `weights` are as in `constants`."""
        return RAW

    def answered_variance(self, answers: Answers) -> float:
        """Return the variance of a model's answers over the rows, summed over their columns."""
        import numpy as np

        return float(np.asarray(answers, dtype=np.float64).var(axis=0).sum())

    def says_nothing(self, labels: Values, answers: Answers, decisions: Values) -> bool:
        """Return whether a score says nothing of the model, since it says the same of all rows, or what is no number.

        The same is said where all decisions are equal though labels are not, and where the spread of the answers is
        below `least_spread` times that of the labels: what is left then are differences of rounding.

        Args:
            labels: of n rows, as `label_array` makes them.
            answers: the model's, as an array: [n, c], [n, m] or [n, 1].
            decisions: from the answers.
        """
        import numpy as np

        if not np.isfinite(answers).all():
            return True
        variance = self.variance(labels)
        if variance == 0:
            return False
        is_same = bool((decisions == decisions[:1]).all())
        return is_same or self.answered_variance(answers) < self.least_spread**2 * variance

    def num_changed(self, decisions: Values, others: Values) -> int:
        """Return for how many of n rows two decisions differ."""
        return int((decisions != others).reshape(len(decisions), -1).any(axis=1).sum())

    def largest_difference(self, answers: Answers, others: Answers) -> float:
        """Return the largest difference between two answers to one of n rows, 0 to 1 for probabilities."""
        import numpy as np

        return float(np.abs(np.asarray(answers, dtype=np.float64) - others).max())

    def prediction_fields(self, labels: Sequence[str], num_choices: int = 0) -> list[pyarrow.Field]:
        """Return names and types of a prediction's columns: the decision, then a probability per class or choice."""
        import pyarrow as pa

        name, example = self.decision
        answers = labels if self.has_classes else range(num_choices)
        probabilities = [pa.field(f"probability_{answer}", pa.float64()) for answer in answers]
        return [pa.field(name, pa.scalar(example).type), *probabilities]

    @abstractmethod
    def written(self, decision: Any, labels: Sequence[str]) -> object:
        """Return one of the `decisions` as a table shows it."""

    def label_tensor(self, labels: Sequence[Label], num_labels: int) -> torch.Tensor:
        """Return labels as a loss reads them: as `label_array`, but 0 and 1 for each class in fp32."""
        import torch

        tensor = torch.from_numpy(self.label_array(labels, num_labels))
        return tensor.float() if tensor.ndim == 2 else tensor

    def example_logits(self, logits: torch.Tensor, num_sequences: torch.Tensor | None) -> torch.Tensor:
        """Return logits per example from logits per sequence: the mean over an example's windows, [n, k].

        Args:
            logits: [s, k], those of one example after another.
            num_sequences: [n], how many each example has; None where each has one.
        """
        import torch

        if num_sequences is None:
            return logits
        examples = torch.arange(len(num_sequences), device=logits.device).repeat_interleave(
            num_sequences, output_size=len(logits)
        )
        totals = logits.new_zeros(len(num_sequences), logits.shape[-1]).index_add(0, examples, logits)
        return totals / num_sequences.unsqueeze(1)

    @abstractmethod
    def answers(self, logits: torch.Tensor) -> torch.Tensor:
        """Return what the model says of each example, in fp32, from logits per example."""

    @abstractmethod
    def decisions(self, answers: torch.Tensor) -> torch.Tensor:
        """Return what is scored against the labels, from `answers`."""

    @abstractmethod
    def loss(
        self, logits: torch.Tensor, labels: torch.Tensor, config: LossConfig, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the mean loss.

        Each example's loss is multiplied by its weight, and the sum is divided by what it is without weights: by n, not
        by the weights of a batch, by which a row alone in its batch would count the same whatever its weight. With
        weights of mean 1 over all rows the mean over the batches is then the weighted mean of the rows' losses, however
        they are cut into batches.

        Args:
            logits: per example, fp32, [n, k].
            labels: as `label_tensor` makes them.
            config: what is minimised.
            weights: [n], of mean 1 over all training rows; None where every example counts the same.
        """

    def loss_divisor(self, labels: torch.Tensor, config: LossConfig) -> float:
        """Return what `loss` divides the sum of the examples' losses by, up to a factor that does not depend on them.

        The mean loss of several batches together is the mean of theirs, each weighed by this.
        """
        return float(len(labels))

    @abstractmethod
    def divergence(self, logits: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Return how far two answers to each example are apart, [n]; 0 where they are equal.

        It is symmetric, and averages over classes where the loss does. Both arguments are fp32 logits per example.
        """


KINDS: Registry[Kind] = Registry("kind of task")
"""All kinds by name; `headstart.kinds.catalogue` fills it."""


def _by_name(value: object) -> Kind:
    if isinstance(value, Kind):
        return value
    if not isinstance(value, str) or value not in KINDS:
        raise ValueError(f"{value!r} is not a kind of task; known: {', '.join(KINDS)}")
    return KINDS.get(value)
