"""What a task's rows are like, before any time is spent on them: classes, repeats, leaks, lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from headstart.data.examples import Split, TaskData, class_counts
from headstart.data.repeats import Conflict, conflicts, text_keys
from headstart.data.tokenisation import TokenizedSplit, tokenize
from headstart.data.unknown_tokens import UnknownTokens, count_unknown, token_notes
from headstart.kinds.kind import Label
from headstart.tables.splits import SPLIT_NAMES
from headstart.tasks.task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SHORT_TEXT = 3
"""Texts of fewer characters than this are probably not texts."""
USUAL_LENGTHS = (128, 256, 512)
UNBOUNDED = 100_000
"""Tokens: longer than any text that is measured."""
NUM_BINS = 24
NUM_LISTED = 20
"""Texts with several labels that are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """Where values lie, in their own unit."""

    minimum: float
    median: float
    p90: float
    p99: float
    maximum: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Values from `low` up to but not including `high`, the last bin's included."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """Rows of one class by split; a multi-label row counts for each of its own."""

    name: str
    counts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Tokens per example of a split, special tokens included.

    Attributes:
        cut_at: maximum length -> examples that would lose tokens to it.
        histogram: over all examples.
    """

    quantiles: Quantiles
    cut_at: dict[int, int]
    histogram: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitReport:
    """One split.

    Attributes:
        num_repeated: rows whose texts stand in an earlier row of the split, case and spaces folded.
        num_leaks: rows whose texts stand in the training split too; None for the training split itself.
        num_short: rows with a text of fewer than 3 characters; None for images and sounds.
        values: of the labels, for regression.
        value_histogram: likewise.
        lengths: in tokens; None without a model.
        unknown: what the model's tokenizer does not know; None without a model.
        token_notes: what a person should know of these tokens.
    """

    name: str
    num_rows: int
    num_repeated: int
    num_leaks: int | None
    num_short: int | None
    values: Quantiles | None
    value_histogram: tuple[Bin, ...]
    lengths: Lengths | None
    unknown: UnknownTokens | None = None
    token_notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelConflict:
    """A text that training rows give different labels, case and spaces folded.

    Attributes:
        texts: as its first row has them, choices included.
        labels: the rows of each label, or of each set of labels in one row; the most frequent first.
    """

    texts: tuple[str, ...]
    labels: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """What `headstart inspect` knows of a task.

    Attributes:
        imbalance: rows of the most frequent class over those of the rarest, in training; None without classes.
        num_unlabelled: training rows without any class, where a row may have several.
        num_conflicting: training rows whose texts stand in training with another label too.
        conflicts: these texts, those of the most rows first, `NUM_LISTED` at most.
        model: whose tokens were counted; None if no model was named.
        max_length: tokens that training would keep of each example by default.
    """

    task: str
    kind: str
    text_columns: tuple[str, ...]
    choice_columns: tuple[str, ...]
    label_column: str
    notes: tuple[str, ...]
    splits: tuple[SplitReport, ...]
    classes: tuple[ClassCount, ...]
    imbalance: float | None
    num_unlabelled: int
    num_conflicting: int
    conflicts: tuple[LabelConflict, ...]
    model: str | None
    max_length: int | None


def inspect_data(
    data: TaskData,
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    model: str | None = None,
    max_length: int | None = None,
) -> DataReport:
    """Describe a task's rows; without the tokenizer of `model` lengths are left out.

    `max_length` is what training would cut at, in tokens.
    """
    task = data.task
    training = data.splits.get(task.train_split or "")
    classes = _class_counts(data)
    counts = [count.counts.get(task.train_split or task.evaluation_split, 0) for count in classes]
    contradicting = conflicts(training) if training is not None else ()
    lengths = tuple(sorted({*USUAL_LENGTHS, *([max_length] if max_length else [])}))
    return DataReport(
        task=task.name,
        kind=str(task.kind),
        text_columns=task.text_columns,
        choice_columns=task.choice_columns,
        label_column=task.label_column,
        notes=data.notes,
        splits=tuple(
            _split_report(name, split, training, tokenizer, lengths) for name, split in _in_order(data.splits)
        ),
        classes=classes,
        imbalance=max(counts) / max(1, min(counts)) if counts else None,
        num_unlabelled=sum(label == () for label in (training.labels or ())) if training else 0,
        num_conflicting=sum(conflict.num_rows for conflict in contradicting),
        conflicts=tuple(_named(conflict, task) for conflict in contradicting[:NUM_LISTED]),
        model=model,
        max_length=max_length,
    )


def histogram(values: Sequence[float], num_bins: int = NUM_BINS) -> tuple[Bin, ...]:
    """Return equal bins from the least value to the greatest; whole numbers get bins of whole width."""
    low, high = min(values), max(values)
    width = (high - low) / num_bins
    if all(float(value).is_integer() for value in values):
        width = max(1.0, -(-(high - low + 1) // num_bins))
        num_bins = int((high - low) // width) + 1
    if width == 0:
        return (Bin(low=low, high=high, count=len(values)),)
    counts = Counter(min(int((value - low) / width), num_bins - 1) for value in values)
    return tuple(
        Bin(low=low + number * width, high=low + (number + 1) * width, count=counts[number])
        for number in range(num_bins)
    )


def quantiles(values: Sequence[float]) -> Quantiles:
    """Return the quantiles of at least one value: of each share the least value that so many are not above."""
    import numpy as np

    shares = (0.0, 0.5, 0.9, 0.99, 1.0)
    minimum, median, p90, p99, maximum = np.quantile(values, shares, method="inverted_cdf").tolist()
    return Quantiles(minimum=minimum, median=median, p90=p90, p99=p99, maximum=maximum)


def _in_order(splits: Mapping[str, Split]) -> list[tuple[str, Split]]:
    """Return training, validation and test rows in this order, then others."""
    names = list(SPLIT_NAMES)
    return sorted(splits.items(), key=lambda each: names.index(each[0]) if each[0] in names else len(names))


def _split_report(
    name: str,
    split: Split,
    training: Split | None,
    tokenizer: PreTrainedTokenizerBase | None,
    max_lengths: tuple[int, ...],
) -> SplitReport:
    keys = text_keys(split)
    known = set(text_keys(training)) if training is not None and split is not training else None
    values = [float(label) for label in split.labels or () if isinstance(label, float)]
    report = SplitReport(
        name=name,
        num_rows=len(split),
        num_repeated=len(keys) - len(set(keys)),
        num_leaks=None if known is None else sum(key in known for key in keys),
        num_short=None if split.files else sum(map(_is_short, split.texts)),
        values=quantiles(values) if values else None,
        value_histogram=histogram(values) if values else (),
        lengths=None,
    )
    if tokenizer is None or not len(split):
        return report
    tokens = tokenize(split, tokenizer, max_length=UNBOUNDED)
    unknown = count_unknown(tokens, split, tokenizer)
    return replace(
        report,
        lengths=_lengths(tokens, max_lengths),
        unknown=unknown,
        token_notes=token_notes(unknown, split, tokenizer),
    )


def _is_short(texts: Sequence[str]) -> bool:
    return any(len(text.strip()) < SHORT_TEXT for text in texts)


def _named(conflict: Conflict, task: Task) -> LabelConflict:
    """Return a conflict with the names of its labels; of choices the right one's number, from 0."""
    labels = {_name(label, task): count for label, count in conflict.labels}
    return LabelConflict(texts=conflict.texts, labels=labels)


def _name(label: Label, task: Task) -> str:
    if isinstance(label, tuple):
        return ", ".join(task.labels[each] for each in label) or "none"
    return task.labels[int(label)] if task.kind.has_classes else str(label)


def _lengths(tokens: TokenizedSplit, max_lengths: tuple[int, ...]) -> Lengths:
    """Return tokens per sequence: of choices each counts for itself."""
    lengths = [float(len(ids)) for ids in tokens.features["input_ids"]]
    return Lengths(
        quantiles=quantiles(lengths),
        cut_at={maximum: sum(length > maximum for length in lengths) for maximum in max_lengths},
        histogram=histogram(lengths),
    )


def _class_counts(data: TaskData) -> tuple[ClassCount, ...]:
    by_split = {name: class_counts(data.task, split) for name, split in _in_order(data.splits)}
    return tuple(
        ClassCount(name=label, counts={name: counts[index] for name, counts in by_split.items()})
        for index, label in enumerate(data.task.labels)
    )
