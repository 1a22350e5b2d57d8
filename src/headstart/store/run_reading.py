"""How a run ended, read from its folder and held to it: a record counts only where it is whole and in its place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from headstart.errors import CheckpointError, DamageError, NewerError, shortened
from headstart.manifest import Damage, Manifest
from headstart.metrics import ERRORS, SHARES
from headstart.safe_files import read_bytes
from headstart.store.damage import damage_of
from headstart.store.diagnostics import CalibrationRecord, StageDiagnostics
from headstart.store.json_records import record_of
from headstart.store.layout import RunFolder
from headstart.store.record import NOT_REPORTED, OtherResult, RunRecord, RunStatus
from headstart.store.run_manifest import damaged_for_reports

ROUNDING = 1e-6
LARGEST_SCORE = 1.0 + 1e-9
"""Of a score that is no error, either way; a correlation may be off by a rounding."""
LARGEST_COUNT = 1 << 53
GONE = "it is missing"
"""It was removed, or a kill came between its checksum and itself."""


@dataclass(frozen=True, slots=True)
class RunReading:
    """What lies in a run's folder: a record, or why there is none, or neither of a run that has not ended.

    Attributes:
        beside: what is wrong with the files that reports read beside the record; looked at only when asked for.
    """

    record: RunRecord | None = None
    damages: tuple[Damage, ...] = ()
    beside: tuple[Damage, ...] = ()


def read_run(folder: RunFolder, digest: str, seed: int, *, looks_beside: bool = False) -> RunReading:
    """Return how the run of this experiment and seed ended; a failure counts only where no result was written.

    Raises:
        NewerError: if a newer headstart wrote the record.
    """
    path = _record_path(folder)
    try:
        manifest = Manifest.read(folder.folder)
        reading = _read(folder, manifest, path, digest, seed)
    except CheckpointError as error:
        damaged = error.path if isinstance(error, DamageError) else path or folder.run_json
        # Without a record there is nothing yet that could be damaged.
        return RunReading() if path is None else RunReading(damages=(damage_of(error, damaged),))
    if reading.record is None or not looks_beside:
        return reading
    return replace(reading, beside=tuple(damaged_for_reports(folder, manifest)))


def read_run_for_report(folder: RunFolder, digest: str, seed: int, *, looks_beside: bool = True) -> RunReading:
    """Return the same; a record that a newer headstart wrote is named and does not count."""
    try:
        return read_run(folder, digest, seed, looks_beside=looks_beside)
    except NewerError as error:
        return RunReading(damages=(damage_of(error, _record_path(folder) or folder.run_json),))


def _record_path(folder: RunFolder) -> Path | None:
    return next((path for path in (folder.run_json, folder.failed_json) if os.path.lexists(path)), None)


def _read(folder: RunFolder, manifest: Manifest | None, path: Path | None, digest: str, seed: int) -> RunReading:
    result = folder.run_json
    # The checksum of a record is written right before the record itself.
    if path is None:
        is_gone = manifest is not None and result.name in manifest.files
        return RunReading(damages=(Damage(result, GONE),) if is_gone else ())
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        return RunReading(damages=(Damage(path, "it is a link to nothing"),))
    # An older headstart recorded no checksum of a failure.
    has_mark = manifest is not None and (path == result or path.name in manifest.files)
    if manifest is not None and has_mark and (what := manifest.damage_of(path.name, content)):
        return RunReading(damages=(Damage(path, what),))
    record = record_of(RunRecord, content, path)
    wrong = [*_out_of_place(record, digest, seed, is_result=path == result), *_implausible(record)]
    return RunReading(damages=(Damage(path, "; ".join(wrong)),)) if wrong else RunReading(record)


def _out_of_place(record: RunRecord, digest: str, seed: int, *, is_result: bool) -> Iterator[str]:
    """Yield what says that a record belongs elsewhere."""
    if record.experiment_digest != digest:
        yield f"it is a record of another experiment, {shortened(record.experiment_digest)}"
    if record.seed != seed:
        yield f"it is a record of another seed, {record.seed}"
    if (record.status is RunStatus.FINISHED) != is_result:
        yield f"it is a record of a run that ended as {record.status.value}"


def _implausible(record: RunRecord) -> Iterator[str]:
    """Yield what no run of ours records."""
    others = [*record.others, *([record.test] if record.test else [])]
    if record.status is RunStatus.FINISHED:
        if record.reported_split != NOT_REPORTED and record.metric not in record.scores:
            yield f"it has no score of its metric, {shortened(record.metric)}"
        for other in others:
            if other.metric not in other.scores:
                yield f"it has no score of its metric on {shortened(other.name)}"
    results: list[RunRecord | OtherResult] = [record, *others]
    scores = [each for result in results for each in _scores_of(result)]
    scores += [each for stage in record.stages for each in (stage.scores, *stage.other_scores.values())]
    for name, score in (pair for each in scores for pair in each.items()):
        if not _can_be(name, score):
            yield f"its {shortened(name)} is {score:g}"
    counts = [record.num_evaluation_examples, record.num_steps, *(stage.num_steps for stage in record.stages)]
    counts += [other.num_examples for other in others]
    counts += [record.num_trained_parameters, record.peak_memory_bytes]
    if any(not 0 <= count <= LARGEST_COUNT for count in counts):
        yield "it counts rows, updates, parameters or bytes that cannot be"
    times = [record.seconds, *(stage.seconds for stage in record.stages)]
    if any(not 0 <= seconds <= LARGEST_COUNT for seconds in times):
        yield "it took a time that cannot be"
    if not all(_can_be_measured(stage.diagnostics) for stage in record.stages):
        yield "its diagnostics are numbers that cannot be"
    if record.folds is not None and not 1 < record.folds <= LARGEST_COUNT:
        yield f"its seeds go through {record.folds} folds"


def _can_be_measured(value: object) -> bool:
    """Return whether all numbers of a value are norms, counts, shares or times: none below 0, none without end."""
    if isinstance(value, StageDiagnostics | CalibrationRecord):
        return all(_can_be_measured(getattr(value, each.name)) for each in fields(value))
    if isinstance(value, dict | tuple):
        return all(map(_can_be_measured, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, int | float) or -ROUNDING <= value <= LARGEST_COUNT


def _scores_of(result: RunRecord | OtherResult) -> tuple[Mapping[str, float], ...]:
    return result.scores, result.constant_scores, {result.metric: result.constant_score}


def _can_be(metric: str, score: float) -> bool:
    """Return whether a metric can have a score; a correlation may be below 0, and a metric that is not ours."""
    lowest = 0.0 if metric in (*SHARES, *ERRORS) else -LARGEST_SCORE
    return lowest <= score and (metric in ERRORS or score <= LARGEST_SCORE)
