"""Batches in which every class that stands in one stands there several times, as contrastive losses need them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

from headstart.seeding import numpy_generator

LEAST_ROWS_PER_CLASS = 4
"""In a batch: each row then has three others of its class to be drawn to."""


class ClassBatchSampler(Sampler[int]):
    """Row numbers of all batches of a stage, one after another; classes and rows come in turn, in random order.

    A batch has as many classes as leave each at least four rows, and all have as many rows, give or take one. Whoever
    has been drawn waits until all others of its kind have been: so every class comes as often as any other, however
    many rows it has, and no row of a class comes a third time before each has come twice. A row stands twice in a batch
    only where its class has fewer rows than the batch wants of it.

    All randomness comes from the stream `data_order/<role>/0`, so the order is a function of seed, role, classes,
    number and size of batches.
    """

    def __init__(self, classes: Sequence[int], batch_size: int, *, num_batches: int, root_seed: int, role: str) -> None:
        """Draw from rows whose classes are given.

        Args:
            classes: of each row, by index.
            batch_size: rows of a batch, at least twice `LEAST_ROWS_PER_CLASS`.
            num_batches: how many batches there are in all.
            root_seed: the run's seed.
            role: of the stage.
        """
        self._batch_size, self._num_batches = batch_size, num_batches
        self._root_seed, self._role = root_seed, role
        rows: dict[int, list[int]] = {}
        for row, label in enumerate(classes):
            rows.setdefault(label, []).append(row)
        self._rows = {label: rows[label] for label in sorted(rows)}

    def __len__(self) -> int:
        return self._batch_size * self._num_batches

    def __iter__(self) -> Iterator[int]:
        generator = numpy_generator(self._root_seed, f"data_order/{self._role}/0")
        rows = {label: _Deck(of_class, generator) for label, of_class in self._rows.items()}
        classes = _Deck(list(rows), generator)
        num_classes = min(len(rows), self._batch_size // LEAST_ROWS_PER_CLASS)
        each, rest = divmod(self._batch_size, num_classes)
        for _ in range(self._num_batches):
            for place, label in enumerate(classes.draw(num_classes)):
                yield from rows[label].draw(each + (place < rest))


class _Deck:
    """Numbers that are drawn in random order, each as often as any other."""

    def __init__(self, numbers: Sequence[int], generator: np.random.Generator) -> None:
        self._numbers, self._generator = np.asarray(numbers), generator
        self._left: list[int] = []

    def draw(self, count: int) -> list[int]:
        """Return the next ones; a number comes twice only where there are fewer than `count`."""
        drawn: list[int] = []
        while len(drawn) < count:
            if not self._left:
                again = set(drawn)
                shuffled: list[int] = self._generator.permutation(self._numbers).tolist()
                self._left = sorted(shuffled, key=lambda number: number in again)
            wanted = count - len(drawn)
            drawn += self._left[:wanted]
            self._left = self._left[wanted:]
        return drawn
