"""Batches computed in parts, where memory does not suffice for a whole one: the same updates, with smaller passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from headstart.data.batching import BESIDE_TOKENS
from headstart.training.data_parallel import ALONE, Ranks
from headstart.training.regularisers.regulariser import BatchLoss

STATE = "number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a part of a batch counts of the batch: of its mean over rows, and of its loss, which may weigh classes."""

    rows: float
    loss: float

    def of(self, loss: BatchLoss) -> BatchLoss:
        """Return what the part adds to the loss of its batch, from the part's own mean."""
        penalty = None if loss.penalty is None else loss.penalty * self.rows
        return BatchLoss(task=loss.task * self.loss, penalty=penalty)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a forward pass gave, without gradients: logits per sequence, what they are judged by, and the loss."""

    logits: torch.Tensor
    targets: Mapping[str, torch.Tensor]
    loss: BatchLoss


class BatchParts:
    """In how many parts each batch of a stage goes forward and backward; the gradients of all parts are summed.

    Half the rows and twice the passes need about half the memory of activations and give the same update: each part's
    mean loss counts by its share of the batch. Dropout draws anew for each part. Of several processes that train
    together each has parts of its own rows alone, and as many of them as its own memory asks for.

    Attributes:
        number: 1 for all rows at once; doubled each time that memory does not suffice.
    """

    def __init__(self, number: int = 1, *, may_split: bool = True, ranks: Ranks = ALONE) -> None:
        self.number, self._may_split, self._ranks = number, may_split, ranks

    def of(self, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the parts of a batch that are this process's: at most one for each row, none where it has no row."""
        if (self.number == 1 or not self._may_split) and self._ranks.is_alone:
            return [dict(batch)]
        return list(_split(batch, self._ranks.part_of(num_rows(batch)), self.number))

    def double(self, batch: Mapping[str, Any]) -> bool:
        """Make parts smaller, since memory did not suffice for those of `batch`; return whether they can be."""
        if not self._may_split or self.number >= len(self._ranks.part_of(num_rows(batch))):
            return False
        self.number *= 2
        return True

    def state(self) -> Mapping[str, torch.Tensor]:
        """Return what a checkpoint must hold; nothing for whole batches."""
        return {} if self.number == 1 else {STATE: torch.tensor(self.number)}

    def resume(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from what `state` gave."""
        self.number = int(state[STATE])


def num_rows(batch: Mapping[str, Any]) -> int:
    """Return the number of examples of a batch; 1 where it does not say."""
    return len(batch["labels"]) if "labels" in batch else 1


def _split(batch: Mapping[str, Any], own: range, number: int) -> Iterator[dict[str, Any]]:
    """Yield `number` parts of the rows `own`, or one for each where they are fewer."""
    rows, counts = num_rows(batch), batch.get("num_sequences")
    begins = list(range(rows + 1)) if counts is None else [0, *torch.cumsum(counts, 0).tolist()]
    sizes = {name: rows if name in BESIDE_TOKENS else begins[-1] for name in batch}
    for part in torch.tensor(own).tensor_split(min(number, len(own)) or 1) if own else ():
        first, last = int(part[0]), int(part[-1]) + 1
        yield {
            name: _cut(value, sizes[name], first, last)
            if name in BESIDE_TOKENS
            else _cut(value, sizes[name], begins[first], begins[last])
            for name, value in batch.items()
        }


def _cut(value: Any, size: int, first: int, last: int) -> Any:
    """Return a part of a tensor with `size` rows; what has another size goes with every part."""
    is_cut = isinstance(value, torch.Tensor) and value.dim() > 0 and len(value) == size
    return value[first:last] if is_cut else value
