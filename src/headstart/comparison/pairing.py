"""Which fine-tuning a cell is compared with, and what may be said of the two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headstart.comparison.cells import MATCHED_STRATEGY, Cell
from headstart.comparison.comparability import SettingDifference, is_declared, setting_differences
from headstart.costs import STEP_COST
from headstart.stats.comparisons import PairedDifference, compare_paired
from headstart.stats.sequential import SequentialComparison, SequentialDesign, compare_sequentially
from headstart.store.declared import DeclaredAxis, DeclaredLooks

UNRECORDED = "versions not recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterpart:
    """The fine-tuning that a cell is compared with, or that comes nearest to it.

    Attributes:
        refused: what the two settings differ in without having been declared to; None where a setting was not recorded.
            Nothing is compared unless this is empty.
        varied: what they differ in as declared.
    """

    cell: Cell
    refused: tuple[SettingDifference, ...] | None
    varied: tuple[SettingDifference, ...]

    @property
    def is_comparable(self) -> bool:
        """Whether all that was not declared to vary is equal."""
        return self.refused == ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """A cell against its counterpart.

    Attributes:
        difference: over equal seeds; None where nothing may be compared, and without equal seeds.
        is_fair: whether both sides had the same number of updates in all, or updates that cost the same.
        is_void: a side drew outside its seeds, so equal seeds do not make pairs; `difference` is then None.
        is_decided_elsewhere: seeds were added until a comparison with another baseline was decided, so their number
            is not independent of the scores; `difference` is then None.
        sequential: where it stands, for a comparison that adds seeds until it is decided.
        versions: libraries whose versions differ within a pair, as "torch 2.9.0 against 2.8.0".
        lost_design: why it is not known any more what was declared before the first run; `difference` is then None.
    """

    counterpart: Counterpart
    difference: PairedDifference | None
    is_fair: bool
    is_void: bool = False
    is_decided_elsewhere: bool = False
    sequential: SequentialComparison | None = None
    versions: tuple[str, ...] = ()
    lost_design: str = ""

    @property
    def baseline(self) -> Cell:
        """The fine-tuning on the other side."""
        return self.counterpart.cell


def counterpart_of(cell: Cell, baselines: Iterable[Cell], looks: DeclaredLooks | None = None) -> Counterpart | None:
    """Return what a cell is compared with among `baselines`, or the nearest that it cannot be compared with.

    These are all fine-tuning on a task and model of its names.

    A cell of another strategy is compared with fine-tuning of equal setting; where there is none, with one that differs
    in what was declared to vary, first of all the one at the first value. Fine-tuning at a later value of an axis is
    compared with fine-tuning at its first. Beyond that come, in this order: the baseline that looks were declared
    against, an equal number of updates, equal rates, most seeds in common.

    None for fine-tuning that others are compared with, and where there is nothing to compare with.
    """
    if cell.is_reference:
        return None
    found = [
        _counterpart(cell, other)
        for other in baselines
        if not cell.is_baseline or any(_is_at_first(other, axis) for axis in cell.later_axes)
    ]
    return max(found, key=lambda other: _likeness(cell, other, looks), default=None)


def pair(
    cell: Cell, baselines: Iterable[Cell], looks: DeclaredLooks | None = None, *, lost_design: str = ""
) -> Pairing | None:
    """Compare a cell with its counterpart at equal seeds; None where it has none.

    Args:
        cell: a cell of a frame.
        baselines: all fine-tuning on a task and model of its names.
        looks: what was declared of the cell, for a comparison that adds seeds until it is decided.
        lost_design: why it is not known any more what was declared; then there is no difference.
    """
    counterpart = counterpart_of(cell, baselines, looks)
    if counterpart is None:
        return None
    baseline = counterpart.cell
    is_void = not (cell.is_pairable and baseline.is_pairable)
    is_decided_elsewhere = looks is not None and looks.baseline_digest != baseline.experiment_digest
    if is_void or is_decided_elsewhere or lost_design or not counterpart.is_comparable:
        return Pairing(
            counterpart=counterpart,
            difference=None,
            is_fair=_is_fair(cell, baseline),
            is_void=is_void,
            is_decided_elsewhere=is_decided_elsewhere,
            lost_design=lost_design,
        )
    sequential = _compare_sequentially(cell, baseline, looks)
    if sequential is None:
        difference = compare_paired(cell.scores, baseline.scores, num_folds=cell.first.folds)
    else:
        difference = sequential.difference
    return Pairing(
        counterpart=counterpart,
        difference=difference,
        is_fair=_is_fair(cell, baseline),
        sequential=sequential,
        versions=_differing_versions(cell, baseline, difference) if difference is not None else (),
    )


def _compare_sequentially(cell: Cell, baseline: Cell, looks: DeclaredLooks | None) -> SequentialComparison | None:
    if looks is None:
        return None
    design = SequentialDesign(looks=looks.looks, confidence=looks.confidence)
    return compare_sequentially(cell.scores, baseline.scores, design, widest=looks.narrower_than)


def _counterpart(cell: Cell, other: Cell) -> Counterpart:
    if cell.setting is None or other.setting is None:
        return Counterpart(cell=other, refused=None, varied=())
    shared = tuple(axis for axis in cell.axes if axis.axis in {each.axis for each in other.axes})
    found = setting_differences(cell.setting, other.setting)
    return Counterpart(
        cell=other,
        refused=tuple(each for each in found if not is_declared(each, shared)),
        varied=tuple(each for each in found if is_declared(each, shared)),
    )


def _is_at_first(other: Cell, axis: DeclaredAxis) -> bool:
    return any(each.axis == axis.axis and each.value == axis.values[0] for each in other.axes)


def _likeness(cell: Cell, other: Counterpart, looks: DeclaredLooks | None) -> tuple[object, ...]:
    """Return what is largest for the counterpart to take."""
    record, theirs = cell.first, other.cell.first
    return (
        other.refused is not None,
        -len(other.refused or ()),
        -len(other.varied),
        all(axis.is_first for axis in other.cell.axes),
        looks is not None and looks.baseline_digest == theirs.experiment_digest,
        record.num_steps == theirs.num_steps,
        record.learning_rates.items() >= theirs.learning_rates.items(),
        len(cell.scores.keys() & other.cell.scores.keys()),
        theirs.experiment_digest,
    )


def _is_fair(cell: Cell, baseline: Cell) -> bool:
    """Equal numbers of updates and fits; against a baseline of equal compute, costs less than one update apart."""
    if baseline.first.strategy == MATCHED_STRATEGY:
        return abs(cell.cost - baseline.cost) < STEP_COST["finetune"]
    return abs(cell.num_updates - baseline.num_updates) < 1


def _differing_versions(cell: Cell, baseline: Cell, difference: PairedDifference) -> tuple[str, ...]:
    units, folds = {unit for unit, _ in difference.differences}, difference.num_folds
    theirs = {record.seed: record.versions for record in baseline.finished}
    pairs = [
        (record.versions, theirs[record.seed])
        for record in cell.finished
        if record.seed in theirs and (record.seed if folds is None else record.seed % folds) in units
    ]
    return tuple(dict.fromkeys(each for ours, others in pairs for each in _version_differences(ours, others)))


def _version_differences(ours: dict[str, str], theirs: dict[str, str]) -> Sequence[str]:
    if not ours or not theirs:
        return (UNRECORDED,)
    return [
        f"{name} {ours.get(name, 'missing')} against {theirs.get(name, 'missing')}"
        for name in dict.fromkeys((*ours, *theirs))
        if ours.get(name) != theirs.get(name)
    ]
