"""Deal units of rows to parts, so that each part has its share of every label and no label stands in one part only.

Letters: u units, l labels, p places. Place 0 is where what must always be trained on stays; the others are the parts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

Counts = Mapping[int, int]
"""What a unit holds: label -> rows with it."""

KEPT = 0
UNTRAINED, NEVER_HELD = 1_000_000, 1
"""What a label costs that stands in one part only, and one that stands in the kept place only."""

MENDING_STEPS = 5
"""Moves that are tried one after another to mend one label."""
MANY_MOVES = 20_000
"""After so many have been tried, a label is mended by one move or not at all: there are more rare labels than units."""


def deal(units: Sequence[Counts], shares: Sequence[float], generator: numpy.random.Generator) -> list[int]:
    """Return the place of each unit.

    Large units are dealt first, and of like size those with rare labels, each to the place where Pearson's chi-square
    of the rows of all labels, against what the shares expect, grows least. Afterwards units move until no label of two
    units or more stands in one place only, or no move helps. A unit with a label that no other unit has is kept.

    Args:
        units: [u] the labels of each; one that all units have stands for the rows themselves.
        shares: [p] of the rows; 0 for the kept place where nothing is to stay that need not.
        generator: shuffles what is alike.

    Source: the order and the aim are those of iterative stratification, Sechidis, Tsoumakas and Vlahavas (ECML PKDD
    2011). Differs from the paper: a unit may be many rows, as in scikit-learn's StratifiedGroupKFold; all of its labels
    count, not its rarest alone; and labels that are left in one place are mended.
    """
    table = _Table(units, shares)
    for unit in _order(table, generator):
        table.put(unit, min(table.places_of(unit), key=lambda place: table.distortion(unit, place)))
    table.mend()
    return [table.place[unit] for unit in range(len(units))]


class _Table:
    """Where the units are that have been dealt so far."""

    def __init__(self, units: Sequence[Counts], shares: Sequence[float]) -> None:
        self.units, self.shares = units, shares
        self.place: dict[int, int] = {}
        self.units_of: defaultdict[int, list[int]] = defaultdict(list)
        self.totals: Counter[int] = Counter()
        for number, unit in enumerate(units):
            self.totals.update(unit)
            for label in unit:
                self.units_of[label].append(number)
        self.kept = {numbers[0] for numbers in self.units_of.values() if len(numbers) == 1}
        self._rows = {label: [0] * len(shares) for label in self.totals}
        self._num_units = {label: [0] * len(shares) for label in self.totals}
        self._moved: dict[int, int] = {}
        self._num_tried = 0
        self.cost = 0

    def places_of(self, unit: int) -> Iterable[int]:
        """Return where a unit may be."""
        return (KEPT,) if unit in self.kept else range(len(self.shares))

    def put(self, unit: int, place: int) -> None:
        """Put a unit into a place, out of the one where it is."""
        if unit in self.place:
            self._count(unit, self.place[unit], -1)
        self._count(unit, place, 1)
        self.place[unit] = place

    def distortion(self, unit: int, place: int) -> float:
        """Return by how much a unit that is nowhere would raise chi-square in a place, but for a factor."""
        share = self.shares[place]
        if not share:
            return float("inf")
        labels = self.units[unit].items()
        return sum(rows * (2 * self._rows[label][place] + rows) / self.totals[label] for label, rows in labels) / share

    def fault(self, label: int) -> int:
        """Return what a label costs where it stands in one place only though it has two units."""
        return _fault(self._num_units[label]) if len(self.units_of[label]) > 1 else 0

    def mend(self) -> None:
        """Move units while that leaves fewer labels in one place only."""
        is_better = True
        while is_better:
            is_better = False
            for label in self.units_of:
                if self.fault(label):
                    is_better |= self._mend(label, MENDING_STEPS if self._num_tried < MANY_MOVES else 1)
                    self._moved.clear()

    def _mend(self, label: int, steps: int) -> bool:
        """Move a unit of a label so that the cost falls; return whether that could be done.

        Where a move leaves other labels in one place only, these are mended in turn, a few steps far.
        """
        cost, num_moved = self.cost, len(self._moved)
        for unit, place in self._moves_of(label):
            self._num_tried += 1
            self._moved[unit] = self.place[unit]
            self.put(unit, place)
            for other in self.units[unit] if steps > 1 else ():
                if self.fault(other):
                    self._mend(other, steps - 1)
            if self.cost < cost:
                return True
            while len(self._moved) > num_moved:
                self.put(*self._moved.popitem())
        return False

    def _moves_of(self, label: int) -> list[tuple[int, int]]:
        """Return unit and place of every move of a label's units: those that lower the cost most come first."""
        moves = [
            (self._cost_after(unit, place), self.distortion(unit, place), unit, place)
            for unit in self.units_of[label]
            for place in self.places_of(unit)
            if place != self.place[unit] and unit not in self._moved
        ]
        return [(unit, place) for _, _, unit, place in sorted(moves)]

    def _cost_after(self, unit: int, place: int) -> int:
        before = self.place[unit]
        self.put(unit, place)
        cost = self.cost
        self.put(unit, before)
        return cost

    def _count(self, unit: int, place: int, sign: int) -> None:
        for label, rows in self.units[unit].items():
            self.cost -= self.fault(label)
            self._rows[label][place] += sign * rows
            self._num_units[label][place] += sign
            self.cost += self.fault(label)


def _fault(num_units: Sequence[int]) -> int:
    """Return what a label costs that has so many units in each place."""
    if sum(map(bool, num_units)) > 1:
        return 0
    return NEVER_HELD if num_units[KEPT] else UNTRAINED


def _order(table: _Table, generator: numpy.random.Generator) -> list[int]:
    """Return the units in the order in which they are dealt; sizes within a factor of two are alike."""
    shuffled = generator.permutation(len(table.units)).tolist()

    def key(unit: int) -> tuple[bool, int, int]:
        counts = table.units[unit]
        return unit not in table.kept, -max(counts.values()).bit_length(), min(map(table.totals.__getitem__, counts))

    return sorted(shuffled, key=key)
