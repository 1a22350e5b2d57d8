"""The rows that a person gives with a live model: looked at before anything is trained, and handed on as a batch wants.

Letters: t tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch.utils.data import Dataset
from transformers import DataCollatorWithPadding, PreTrainedTokenizerBase, default_data_collator

from headstart.errors import UsageError
from headstart.kinds.kind import Kind
from headstart.losses import RAW, Scale
from headstart.training.features import Collate

LABEL_COLUMNS = ("labels", "label", "label_ids")
"""Under any of these names transformers' collators find the label."""

WEIGHT_COLUMNS = ("weight", "weights", "sample_weight")
"""Under these names rows say how much each of them counts."""

NO_LABEL = (-1, -100)
"""What data sets write where a row has no label."""


class LiveRows(Dataset[dict[str, Any]]):
    """Somebody's rows with the columns that a model takes, each label as the kind of answer wants it.

    Attributes:
        lengths: tokens per row, or ones where rows are not texts.
        labels: of all rows where these hold tokens. Of images and sounds it is the first one's alone, since the others
            would have to be decoded; they are checked as they come.
        largest_token: the highest number of a token, -1 where there are none.
    """

    def __init__(self, rows: Any, columns: frozenset[str], label_column: str, *, renames: bool) -> None:
        """Take rows; `renames` says whether the label's column is called 'labels' whatever it was."""
        self._rows, self._columns, self._label_column = rows, columns, label_column
        self._name = LABEL_COLUMNS[0] if renames else label_column
        self._kind: Kind | None = None
        self._num_logits = 0
        self._scale = RAW
        self.lengths, self.labels, self.largest_token = [1] * len(rows), [plain(rows[0][label_column])], -1
        if "input_ids" in rows[0]:
            self._read_through()
        for row, label in enumerate(self.labels):
            if label is None or isinstance(label, str):
                raise self._wrong_label(row, label, f"the label is {label!r}, and not a number")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> dict[str, Any]:
        """Return a row.

        Raises:
            UsageError: if its label is none for the model.
        """
        values = self._rows[row]
        taken = {name: value for name, value in values.items() if name in self._columns}
        return taken | {self._name: self._target(row, plain(values.get(self._label_column)), self.lengths[row])}

    def expect(self, kind: Kind, num_logits: int) -> None:
        """Hold labels to a kind of answer and a number of logits from now on.

        Raises:
            UsageError: naming the first row whose label is none for the model.
        """
        self._kind, self._num_logits = kind, num_logits
        for row, label in enumerate(self.labels):
            self._target(row, label, self.lengths[row])

    def learn_in(self, scale: Scale) -> None:
        """Give labels that are numbers in standard units from now on."""
        self._scale = scale

    def _read_through(self) -> None:
        self.labels = []
        for index in range(len(self._rows)):
            row = self._rows[index]
            tokens = plain(row["input_ids"])
            self.lengths[index] = len(tokens)
            self.labels.append(plain(row.get(self._label_column)))
            self.largest_token = max(self.largest_token, *_flat(tokens), -1)

    def _target(self, row: int, label: Any, length: int) -> Any:
        if self._kind is None:
            return label
        try:
            # A row of a multiple choice holds its choices, each of them tokens.
            target = self._kind.target(label, length if self._kind.has_choices else self._num_logits)
        except ValueError as error:
            raise self._wrong_label(row, label, str(error)) from error
        return target if self._scale == RAW or isinstance(target, list) else self._scale.standard_number(target)

    def _wrong_label(self, row: int, label: Any, reason: str) -> UsageError:
        remedy = (
            f"  The model's answers are of kind {self._kind}, with {self._num_logits} logits: repair the labels, or "
            "give its config another `num_labels` or `problem_type`."
        )
        if label is None or (isinstance(label, int) and label in NO_LABEL):
            remedy = "  Take the rows without a label out: train_dataset.filter(...)."
        elif isinstance(label, str):
            remedy = "  Map the names to numbers, as model.config.label2id has them."
        return UsageError(f"row {row} of train_dataset: {reason}", remedy=remedy)


def _flat(tokens: Sequence[Any]) -> Iterator[int]:
    for each in tokens:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each


def plain(value: Any) -> Any:
    """Return a tensor, an array or a number of NumPy as plain numbers."""
    return value.tolist() if hasattr(value, "tolist") else value


def checked_rows(dataset: Any, columns: frozenset[str], main_input: str, *, is_collated: bool) -> LiveRows:
    """Return somebody's rows.

    Args:
        dataset: with a length, a dictionary per row.
        columns: that the model's forward pass takes.
        main_input: the one among them that it cannot do without, such as "input_ids".
        is_collated: a collator of that person's own makes the batches, and may make the input of other columns.

    Raises:
        UsageError: if there are none, they are something else, they lack a label or the model's input, or they have
            weights.
    """
    if isinstance(dataset, Mapping):
        splits = [str(name) for name in dataset]
        raise UsageError(
            f"train_dataset is a {type(dataset).__name__} of several data sets: {', '.join(splits)}",
            remedy=f"  Give one of them: train_dataset[{splits[0] if splits else 'train'!r}].",
        )
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__") or len(dataset) == 0:
        raise UsageError(
            "train_dataset has no rows to count", allowed="  It has a length above 0 and gives a dictionary per row."
        )
    first = dataset[0]
    if not isinstance(first, Mapping):
        raise UsageError(
            f"train_dataset's rows are of type {type(first).__name__}",
            allowed="  A row is a dictionary of the model's inputs and its label.",
            remedy="  Give a list of dictionaries: [{'input_ids': ..., 'attention_mask': ..., 'labels': ...}, ...].",
        )
    label_column = next((name for name in LABEL_COLUMNS if name in first), None)
    if label_column is None:
        raise UsageError(
            f"train_dataset's rows have no label: their columns are {', '.join(map(str, first))}",
            remedy="  Name the column of integer labels 'labels'.",
        )
    weights = next((name for name in WEIGHT_COLUMNS if name in first and name not in columns), None)
    if weights is not None:
        raise UsageError(
            f"train_dataset's rows have {weights!r}, and Stage 1 trains by the model's own loss, which weighs no rows",
            remedy=f"  Take the column out: train_dataset.remove_columns({weights!r}); every row counts the same then.",
        )
    if not {main_input, "inputs_embeds"} & set(first):
        if is_collated:
            return LiveRows(dataset, columns.union(first), label_column, renames=False)
        raise UsageError(
            f"train_dataset's rows have no {main_input}: their columns are {', '.join(map(str, first))}",
            allowed=f"  The model reads {', '.join(sorted(columns - set(LABEL_COLUMNS)))}.",
            remedy="  Texts become tokens by dataset.map(lambda rows: tokenizer(rows['text'], truncation=True)).",
        )
    return LiveRows(dataset, columns, label_column, renames=not is_collated)


def collator(rows: LiveRows, given: Collate | None, processing_class: PreTrainedTokenizerBase | None) -> Collate:
    """Return what makes a batch of rows: what was given, else one that pads by the tokenizer, else one that stacks.

    Raises:
        UsageError: if nothing pads rows of unlike length.
    """
    if given is not None:
        return given
    if processing_class is None:
        if len(set(rows.lengths)) > 1:
            raise UsageError(
                f"train_dataset's rows have {min(rows.lengths)} to {max(rows.lengths)} tokens, and nothing pads them",
                remedy="  Give the tokenizer as `processing_class`, or a `data_collator`.",
            )
        return default_data_collator
    if getattr(processing_class, "pad_token", "") is None:
        raise UsageError(
            "the tokenizer has no token to pad with",
            remedy="  Name one: tokenizer.pad_token = tokenizer.eos_token.",
        )
    return DataCollatorWithPadding(processing_class)
