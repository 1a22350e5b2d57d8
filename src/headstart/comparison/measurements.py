"""What stages measured beside their scores, where a store has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headstart.comparison.cells import Cell
from headstart.comparison.formats import NOTHING
from headstart.store.diagnostics import StageDiagnostics
from headstart.store.record import RunRecord

Values = tuple[tuple[int, float], ...]
"""A value by seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One line of the table.

    Attributes:
        of_run: the value of a run; None where it has none.
        write: how a value is written.
        missing: written where no run of a strategy has a value.
    """

    name: str
    of_run: Callable[[RunRecord], float | None]
    write: Callable[[float], str]
    missing: str = NOTHING


def diagnostics_of(cell: Cell) -> tuple[tuple[int, StageDiagnostics], ...]:
    """Return what the last stage of every finished run measured, by seed."""
    found = ((run.seed, _last(run)) for run in cell.finished)
    return tuple((seed, diagnostics) for seed, diagnostics in found if diagnostics is not None)


def values_of(cell: Cell, of_stage: Callable[[StageDiagnostics], float | None]) -> Values:
    """Return one quantity of every run that has it, by seed."""
    found = ((seed, of_stage(diagnostics)) for seed, diagnostics in diagnostics_of(cell))
    return tuple((seed, value) for seed, value in found if value is not None)


def _last(run: RunRecord) -> StageDiagnostics | None:
    return run.stages[-1].diagnostics if run.stages else None


def _measured(name: str, path: str, digits: int, factor: float = 1.0, missing: str = NOTHING) -> Measurement:
    """Return the measurement of the last stage that `path`, such as "calibration.brier", leads to."""
    return Measurement(
        name=name, of_run=lambda run: _value_at(_last(run), path), write=_decimal(digits, factor), missing=missing
    )


def _value_at(diagnostics: StageDiagnostics | None, path: str) -> float | None:
    found: Any = diagnostics
    for name in path.split("."):
        found = None if found is None else getattr(found, name)
    return found  # type: ignore[no-any-return]


def _energy(run: RunRecord) -> float | None:
    """Return the energy of all stages; None where one of them did not tell."""
    parts = [stage.diagnostics.energy_joules if stage.diagnostics else None for stage in run.stages]
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None


def _peak_memory(run: RunRecord) -> float | None:
    return max((stage.diagnostics.peak_memory_bytes for stage in run.stages if stage.diagnostics), default=0) or None


def _decimal(digits: int, factor: float = 1.0) -> Callable[[float], str]:
    return lambda value: f"{factor * value:.{digits}f}"


MEASUREMENTS = (
    _measured("loss at the last stage's start, nats", "sample_loss_start", 3),
    _measured("accuracy at the last stage's start, %", "sample_accuracy_start", 1, 100),
    _measured("updates to 90 % training accuracy", "steps_to_90", 0),
    _measured("feature change, per sequence", "feature_change_mean", 2),
    _measured("similarity to pretrained features (CKA)", "feature_similarity", 3),
    _measured("head norm at the start", "head_norm_start", 3),
    _measured("head norm at the end", "head_norm_end", 3),
    _measured("distance the head moved", "head_distance", 3),
    _measured("angle the head moved, degrees", "head_angle", 1),
    _measured("gradient norm, mean", "mean_gradient_norm", 3),
    _measured("gradient norm, largest", "max_gradient_norm", 2),
    _measured("calibration error (ECE), %", "calibration.expected_error", 2, 100),
    _measured("ECE after temperature scaling, %", "calibration_scaled.expected_error", 2, 100, "not fitted"),
    _measured("Brier score", "calibration.brier", 3),
    _measured("Brier score after temperature scaling", "calibration_scaled.brier", 3, missing="not fitted"),
    Measurement(name="energy of all stages, kJ", of_run=_energy, write=_decimal(2, 0.001)),
    Measurement(name="peak memory, GB", of_run=_peak_memory, write=_decimal(2, 1e-9)),
)  # fmt: skip
