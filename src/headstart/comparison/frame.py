"""All runs of a store in cells, and which two cells may be paired."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from headstart.comparison.cells import MATCHED_STRATEGY, Cell
from headstart.costs import STEP_COST
from headstart.errors import HeadstartError, UsageError
from headstart.stats.comparisons import PairedDifference, compare_paired
from headstart.stats.sequential import SequentialComparison, SequentialDesign, compare_sequentially
from headstart.store.declared import DeclaredLooks, read_looks
from headstart.store.layout import read_json
from headstart.store.local import LocalStore, existing_store
from headstart.store.record import Purpose, RunRecord, RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """A cell against its baseline.

    Attributes:
        difference: over the seeds that may be paired; None without such seeds.
        num_refused_pairs: seeds that both sides have, but from different environments.
        is_fair: whether both sides had the same number of updates in all, or updates that cost the same.
        is_void: a side drew outside its seeds, so equal seeds do not make pairs; `difference` is then None.
        sequential: where it stands, for a comparison that adds seeds until it is decided.
    """

    baseline: Cell
    difference: PairedDifference | None
    num_refused_pairs: int
    is_fair: bool
    is_void: bool = False
    sequential: SequentialComparison | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """All runs that a report is made of.

    Attributes:
        cells: sorted by task and model; the baseline first, then by label.
        num_selection_runs: runs left out because they only chose a learning rate.
        declared: of comparisons that add seeds until they are decided, by experiment digest.
    """

    cells: tuple[Cell, ...]
    num_selection_runs: int = 0
    declared: Mapping[str, DeclaredLooks] = field(default_factory=dict)

    @classmethod
    def from_records(
        cls,
        records: Iterable[RunRecord],
        digests: Collection[str] | None = None,
        identities: Mapping[str, str] | None = None,
        declared: Mapping[str, DeclaredLooks] | None = None,
    ) -> Frame:
        """Group records into cells.

        Args:
            records: of one store or several.
            digests: the experiments to take; all by default.
            identities: of rows and model by experiment digest, where they are known.
            declared: looks by experiment digest, for comparisons that add seeds until they are decided.
        """
        groups: defaultdict[tuple[str, str], dict[int, RunRecord]] = defaultdict(dict)
        num_selection_runs = 0
        for record in sorted(records, key=_failed_first):
            if digests is not None and record.experiment_digest not in digests:
                continue
            if record.purpose is not Purpose.REPORT:
                num_selection_runs += record.purpose is Purpose.SELECTION
                continue
            for each in (record, *record.on_other_rows()):
                groups[each.experiment_digest, each.task][each.seed] = each
        cells = [
            Cell(records=tuple(group[seed] for seed in sorted(group)), identity=(identities or {}).get(digest, ""))
            for (digest, _), group in groups.items()
        ]
        return cls(
            cells=tuple(sorted(cells, key=_cell_order)), num_selection_runs=num_selection_runs, declared=declared or {}
        )

    @classmethod
    def from_store(cls, store: Path, digests: Collection[str] | None = None) -> Frame:
        """Read all runs of a store.

        Raises:
            UsageError: if the folder does not exist or is not a store.
        """
        local_store = existing_store(store)
        records = local_store.records()
        known = {record.experiment_digest for record in records}
        return cls.from_records(
            records, digests, read_identities(local_store, known), read_declared(local_store, known)
        )

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

    def baseline_of(self, cell: Cell) -> Cell | None:
        """Return the fine-tuning cell that `cell` is compared with: the one most alike, or None.

        Alike means, in this order: both private or neither, equal environment, equal number of steps, most seeds in
        common.
        """
        candidates = [other for other in self.cells if other.is_baseline and other.question == cell.question]
        return max(candidates, key=lambda other: _likeness(cell, other), default=None)

    def pair(self, cell: Cell) -> Pairing | None:
        """Compare `cell` with its baseline at equal seeds and in equal environments.

        None for a baseline itself, and for a cell without one.
        """
        baseline = None if cell.is_baseline else self.baseline_of(cell)
        if baseline is None:
            return None
        is_fair = _is_fair(cell, baseline)
        if not (cell.is_pairable and baseline.is_pairable):
            return Pairing(baseline=baseline, difference=None, num_refused_pairs=0, is_fair=is_fair, is_void=True)
        environments = {record.seed: record.environment_digest for record in baseline.finished}
        refused = {
            record.seed
            for record in cell.finished
            if environments.get(record.seed, record.environment_digest) != record.environment_digest
        }
        ours = {seed: score for seed, score in cell.scores().items() if seed not in refused}
        theirs = {seed: score for seed, score in baseline.scores().items() if seed not in refused}
        sequential = self._compare_sequentially(cell, baseline, ours, theirs)
        return Pairing(
            baseline=baseline,
            difference=compare_paired(ours, theirs) if sequential is None else sequential.difference,
            num_refused_pairs=len(refused),
            is_fair=is_fair,
            sequential=sequential,
        )

    def _compare_sequentially(
        self, cell: Cell, baseline: Cell, ours: Mapping[int, float], theirs: Mapping[int, float]
    ) -> SequentialComparison | None:
        looks = self.declared.get(cell.experiment_digest)
        if looks is None or looks.baseline_digest != baseline.experiment_digest:
            return None
        design = SequentialDesign(looks=looks.looks, confidence=looks.confidence)
        return compare_sequentially(ours, theirs, design, widest=looks.narrower_than)


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
        raise UsageError(f"{store} holds no run to report", remedy="  Run `headstart compare` with this `store` first.")
    return frame.at_equal_compute() if equal_compute else frame


def read_declared(store: LocalStore, digests: Iterable[str]) -> dict[str, DeclaredLooks]:
    """Return the declared looks of those experiments that have some."""
    return {digest: looks for digest in digests if (looks := read_looks(store, digest)) is not None}


def read_identities(store: LocalStore, digests: Iterable[str]) -> dict[str, str]:
    """Return the identity of rows and model for those experiments whose `experiment.json` is there and names them."""
    identities = {}
    for digest in digests:
        try:
            values = read_json(store.experiment_json(digest))
        except (HeadstartError, OSError):
            continue
        identities[digest] = (
            f"rows {str(values.get('task_fingerprint', ''))[:8]}, model {str(values.get('model_revision', ''))[:16]}"
        )
    return identities


def _is_fair(cell: Cell, baseline: Cell) -> bool:
    """Equal numbers of updates; against a baseline of equal compute, costs less than one of its updates apart."""
    if baseline.first.strategy == MATCHED_STRATEGY:
        return abs(cell.cost - baseline.cost) < STEP_COST["finetune"]
    return cell.first.num_steps == baseline.first.num_steps


def _failed_first(record: RunRecord) -> tuple[str, int, bool]:
    return (record.experiment_digest, record.seed, record.status is RunStatus.FINISHED)


def _cell_order(cell: Cell) -> tuple[tuple[str, ...], bool, str, int, str]:
    return (cell.question, not cell.is_baseline, cell.first.label, cell.first.num_steps, cell.experiment_digest)


def _likeness(cell: Cell, other: Cell) -> tuple[bool, bool, bool, int, str]:
    return (
        cell.is_pairable == other.is_pairable,
        cell.first.environment_digest == other.first.environment_digest,
        cell.first.num_steps == other.first.num_steps,
        len(cell.scores().keys() & other.scores().keys()),
        other.experiment_digest,
    )
