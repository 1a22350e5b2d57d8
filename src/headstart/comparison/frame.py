"""All runs that a comparison is made of, in cells."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from headstart.comparison.cells import MATCHED_STRATEGY, Cell, Question
from headstart.comparison.pairing import Counterpart, Pairing, counterpart_of, pair
from headstart.errors import UsageError
from headstart.store.damage import NO_DAMAGE, StoreDamage
from headstart.store.declared import DeclaredAxis, DeclaredLooks, read_designs
from headstart.store.local import existing_store
from headstart.store.record import NOT_REPORTED, Purpose, RunRecord, RunStatus

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """All runs that a comparison is made of.

    Attributes:
        cells: sorted by task and model; the baseline first, then by label.
        num_selection_runs: runs left out because they only chose a learning rate.
        declared: of comparisons that add seeds until they are decided, by experiment digest.
        damage: what is damaged in the store that the runs are from.
    """

    cells: tuple[Cell, ...]
    num_selection_runs: int = 0
    declared: Mapping[str, DeclaredLooks] = field(default_factory=dict)
    damage: StoreDamage = NO_DAMAGE

    @classmethod
    def from_records(
        cls,
        records: Iterable[RunRecord],
        digests: Collection[str] | None = None,
        declared: Mapping[str, DeclaredLooks] | None = None,
        varied: Mapping[str, tuple[DeclaredAxis, ...]] | None = None,
        damage: StoreDamage = NO_DAMAGE,
    ) -> Frame:
        """Group records into cells.

        Args:
            records: of one store or several.
            digests: the experiments to take; all by default.
            declared: looks by experiment digest, for comparisons that add seeds until they are decided.
            varied: axes by experiment digest, for comparisons that vary more than strategy and adapter.
            damage: what is damaged in the store that the records are from.
        """
        groups: defaultdict[tuple[str, str], dict[int, RunRecord]] = defaultdict(dict)
        num_selection_runs = 0
        for record in sorted(records, key=_failed_first):
            if digests is not None and record.experiment_digest not in digests:
                continue
            if record.purpose is not Purpose.REPORT:
                num_selection_runs += record.purpose is Purpose.SELECTION
                continue
            # A model that learned from all rows has none to report on, but maybe those of other tasks.
            own = [] if record.reported_split == NOT_REPORTED else [record]
            for each in (*own, *record.on_other_rows()):
                groups[each.experiment_digest, each.task][each.seed] = each
        cells = [
            Cell(records=tuple(group[seed] for seed in sorted(group)), axes=(varied or {}).get(digest, ()))
            for (digest, _), group in groups.items()
        ]
        return cls(
            cells=tuple(sorted(cells, key=_cell_order)),
            num_selection_runs=num_selection_runs,
            declared=declared or {},
            damage=damage if digests is None else damage.among(digests),
        )

    @classmethod
    def from_store(cls, store: Path, digests: Collection[str] | None = None) -> Frame:
        """Read all runs of a store; what is damaged is named in logged warnings, too.

        Raises:
            UsageError: if the folder does not exist or is not a store.
        """
        local_store = existing_store(store)
        records, damage = local_store.read()
        designs = read_designs(local_store, records)
        damage = replace(damage, designs=designs.lost)
        for sentence in damage.sentences():
            _log.warning("%s", sentence)
        return cls.from_records(records, digests, designs.looks, designs.axes, damage)

    @property
    def num_runs(self) -> int:
        """How many runs the cells hold."""
        return len({(record.experiment_digest, record.seed) for cell in self.cells for record in cell.records})

    def at_equal_compute(self) -> Frame:
        """Return the same runs with fine-tuning at EH-FT's compute as the baseline.

        Raises:
            UsageError: if such a run is missing.
        """
        if not any(cell.first.strategy == MATCHED_STRATEGY for cell in self.cells):
            raise UsageError(
                f"no run of {MATCHED_STRATEGY} is here to compare with",
                remedy="  Run `headstart compare` with `match_compute` first.",
            )
        cells = [replace(cell, baseline=MATCHED_STRATEGY) for cell in self.cells]
        return replace(self, cells=tuple(sorted(cells, key=_cell_order)))

    def pair(self, cell: Cell) -> Pairing | None:
        """Compare a cell with its counterpart at equal seeds; None where it has none."""
        baselines = self._baselines.get(cell.question.names, ())
        digest = cell.experiment_digest
        return pair(cell, baselines, self.declared.get(digest), lost_design=self.damage.designs.get(digest, ""))

    def counterpart(self, cell: Cell) -> Counterpart | None:
        """Return the fine-tuning that a cell is compared with, or the nearest; None where there is none."""
        looks = self.declared.get(cell.experiment_digest)
        return counterpart_of(cell, self._baselines.get(cell.question.names, ()), looks)

    def of_question(self, question: Question) -> list[Cell]:
        """Return all cells of a question."""
        return self._by_question.get(question, [])

    @cached_property
    def _by_question(self) -> Mapping[Question, list[Cell]]:
        found: defaultdict[Question, list[Cell]] = defaultdict(list)
        for cell in self.cells:
            found[cell.question].append(cell)
        return found

    @cached_property
    def _baselines(self) -> Mapping[tuple[str, ...], list[Cell]]:
        found: defaultdict[tuple[str, ...], list[Cell]] = defaultdict(list)
        for cell in self.cells:
            if cell.is_baseline:
                found[cell.question.names].append(cell)
        return found


def frame_to_report(store: Path, digests: Collection[str] | None = None, *, equal_compute: bool = False) -> Frame:
    """Return the frame of a store that has something to report.

    Args:
        store: its folder.
        digests: the experiments to take; all by default.
        equal_compute: compare with fine-tuning at EH-FT's compute instead of at equal updates.

    Raises:
        UsageError: if the store does not exist, holds nothing to report, or lacks the runs of equal compute.
    """
    frame = Frame.from_store(store, digests)
    if not frame.cells:
        damaged = "".join(f"\n  {sentence}" for sentence in frame.damage.sentences(store))
        raise UsageError(
            f"{store} holds no run to report{damaged}", remedy="  Run `headstart compare` with this `store` first."
        )
    return frame.at_equal_compute() if equal_compute else frame


def _failed_first(record: RunRecord) -> tuple[str, int, bool]:
    return (record.experiment_digest, record.seed, record.status is RunStatus.FINISHED)


def _cell_order(cell: Cell) -> tuple[object, ...]:
    places = [axis.values.index(axis.value) for axis in cell.axes]
    record = cell.first
    return (cell.question, not cell.is_baseline, record.label, places, record.num_steps, record.experiment_digest)
