"""What stages measured beside their scores, gathered by strategy; nothing where a store has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from headstart.reports.comparison_table import ComparisonGroup
from headstart.reports.figures.drawing import DataTable
from headstart.reports.formats import NOTHING, PLUS_MINUS
from headstart.reports.frame import Cell
from headstart.stats.summary import summarise
from headstart.store.diagnostics import StageDiagnostics
from headstart.store.record import RunRecord

Values = tuple[tuple[int, float], ...]
"""A value by seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One line of the table: its name, the value of a run (None where it has none) and how a value is written."""

    name: str
    of_run: Callable[[RunRecord], float | None]
    write: Callable[[float], str]


def diagnostics_of(cell: Cell) -> tuple[tuple[int, StageDiagnostics], ...]:
    """Return what the last stage of every finished run measured, by seed."""
    found = ((run.seed, _last(run)) for run in cell.finished)
    return tuple((seed, diagnostics) for seed, diagnostics in found if diagnostics is not None)


def values_of(cell: Cell, of_stage: Callable[[StageDiagnostics], float | None]) -> Values:
    """Return one quantity of every run that has it, by seed."""
    found = ((seed, of_stage(diagnostics)) for seed, diagnostics in diagnostics_of(cell))
    return tuple((seed, value) for seed, value in found if value is not None)


def measurement_table(group: ComparisonGroup, cells: Mapping[tuple[str, str], Cell]) -> DataTable | None:
    """Return mean and standard deviation over seeds, a line per quantity that any run has; None where there is none."""
    rows = []
    for each in MEASUREMENTS:
        values = [[value for run in cells[row.key].finished if (value := each.of_run(run)) is not None]
                  for row in group.rows]  # fmt: skip
        if any(values):
            rows.append((each.name, *(_mean_text(of_row, each.write) for of_row in values)))
    return DataTable(headings=("", *(row.label for row in group.rows)), rows=tuple(rows)) if rows else None


def _last(run: RunRecord) -> StageDiagnostics | None:
    return run.stages[-1].diagnostics if run.stages else None


def _of_last(read: Callable[[StageDiagnostics], float | None]) -> Callable[[RunRecord], float | None]:
    return lambda run: read(last) if (last := _last(run)) is not None else None


def _energy(run: RunRecord) -> float | None:
    """Return the energy of all stages; None where one of them did not tell."""
    parts = [stage.diagnostics.energy_joules if stage.diagnostics else None for stage in run.stages]
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None


def _peak_memory(run: RunRecord) -> float | None:
    return max((stage.diagnostics.peak_memory_bytes for stage in run.stages if stage.diagnostics), default=0) or None


def _mean_text(values: Sequence[float], write: Callable[[float], str]) -> str:
    if not values:
        return NOTHING
    summary = summarise(values)
    deviation = summary.standard_deviation
    return write(summary.mean) + (f" {PLUS_MINUS} {write(deviation)}" if deviation is not None else "")


def _decimal(digits: int, factor: float = 1.0) -> Callable[[float], str]:
    return lambda value: f"{factor * value:.{digits}f}"


MEASUREMENTS = (
    Measurement(name="loss at the last stage's start, nats", of_run=_of_last(lambda d: d.sample_loss_start),
                write=_decimal(3)),
    Measurement(name="accuracy at the last stage's start, %", of_run=_of_last(lambda d: d.sample_accuracy_start),
                write=_decimal(1, 100)),
    Measurement(name="updates to 90 % training accuracy", of_run=_of_last(lambda d: d.steps_to_90), write=_decimal(0)),
    Measurement(name="feature change, per sequence", of_run=_of_last(lambda d: d.feature_change_mean),
                write=_decimal(2)),
    Measurement(name="similarity to pretrained features (CKA)", of_run=_of_last(lambda d: d.feature_similarity),
                write=_decimal(3)),
    Measurement(name="head norm at the start", of_run=_of_last(lambda d: d.head_norm_start), write=_decimal(3)),
    Measurement(name="head norm at the end", of_run=_of_last(lambda d: d.head_norm_end), write=_decimal(3)),
    Measurement(name="distance the head moved", of_run=_of_last(lambda d: d.head_distance), write=_decimal(3)),
    Measurement(name="angle the head moved, degrees", of_run=_of_last(lambda d: d.head_angle), write=_decimal(1)),
    Measurement(name="gradient norm, mean", of_run=_of_last(lambda d: d.mean_gradient_norm), write=_decimal(3)),
    Measurement(name="gradient norm, largest", of_run=_of_last(lambda d: d.max_gradient_norm), write=_decimal(2)),
    Measurement(name="calibration error (ECE), %",
                of_run=_of_last(lambda d: d.calibration.expected_error if d.calibration else None),
                write=_decimal(2, 100)),
    Measurement(name="ECE after temperature scaling, %",
                of_run=_of_last(lambda d: d.calibration_scaled.expected_error if d.calibration_scaled else None),
                write=_decimal(2, 100)),
    Measurement(name="Brier score", of_run=_of_last(lambda d: d.calibration.brier if d.calibration else None),
                write=_decimal(3)),
    Measurement(name="Brier score after temperature scaling",
                of_run=_of_last(lambda d: d.calibration_scaled.brier if d.calibration_scaled else None),
                write=_decimal(3)),
    Measurement(name="energy of all stages, kJ", of_run=_energy, write=_decimal(2, 0.001)),
    Measurement(name="peak memory, GB", of_run=_peak_memory, write=_decimal(2, 1e-9)),
)  # fmt: skip
