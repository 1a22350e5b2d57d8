"""What stored predictions add: would a difference show with other rows of the evaluation split, too?

Letters: s seeds, e examples.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet

from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow
from headstart.dealing.folds import count_units, unit_numbers
from headstart.stats.crossed import CrossedInterval, Sides, crossed_bootstraps
from headstart.stats.example_scores import EXAMPLE_SCORES, ExampleScore
from headstart.stats.intervals import Interval
from headstart.stats.limits import Values
from headstart.stats.per_example import McNemar, mcnemar
from headstart.store.layout import UNIT
from headstart.store.local import LocalStore
from headstart.store.record import ON_OTHER_ROWS
from headstart.tables.arrow_bounds import WAY_ON
from headstart.tables.bounded_bytes import VALUE_BYTES, require_bytes

NUM_RESAMPLES = 1_000
OF_NUMBERS = ("pearson",)
"""Metrics whose answers are neither right nor wrong, so that McNemar's test has nothing to count."""
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Labels and answers of a run [e], and the number of each row's unit [e], None where each row is one."""

    labels: Values
    predicted: Values
    units: Values | None


Read = Callable[[str, int], Answers | None]
"""Gives those of an experiment's digest and a seed; None where they are missing or cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPair:
    """Two runs of one seed on the same rows. What it shows holds for these two models.

    Attributes:
        difference: of their scores, computed from their predictions.
        interval: of it, by a bootstrap of the rows, both runs together.
        mcnemar: of their right answers; None where answers are numbers.
    """

    seed: int
    difference: float
    interval: Interval
    mcnemar: McNemar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleEvidence:
    """What the predictions of a comparison's pairs show.

    Attributes:
        num_examples: rows that both sides answered.
        num_units: of them, whose rows belong together, such as repeats: drawn and counted whole.
        crossed: the mean difference with an interval over seeds and rows.
        pairs: by seed, those whose predictions are stored on both sides.
    """

    num_examples: int
    num_units: int
    crossed: CrossedInterval
    pairs: tuple[RunPair, ...]


def example_evidence(
    group: ComparisonGroup, store: LocalStore, damaged: Collection[Path] = frozenset()
) -> dict[tuple[str, str], ExampleEvidence]:
    """Return the evidence of one task's comparisons by the rows' keys.

    A comparison has none where predictions are missing or `damaged`, do not give the stored scores, are of other rows
    from seed to seed (folds) or of one unit alone, which does not show how units differ, where seeds were added until
    it was decided, and where the metric is not a function of means over rows (rank correlations, groups, multi-label
    tasks).
    """
    score = EXAMPLE_SCORES.get(group.metric)
    if score is None:
        return {}
    rows = _rows(group)

    @cache
    def read(digest: str, seed: int) -> Answers | None:
        path = store.run_folder(digest, seed).predictions(rows)
        return None if path in damaged else _read_predictions(path, group.num_evaluation_examples)

    scores = {row.experiment_digest: dict(row.scores) for row in group.rows}
    found = {row.key: pairs for row in group.rows if (pairs := _pairs(row, read, score, scores)) is not None}
    sides = [
        Sides(a=score.parts(pairs.labels, pairs.ours), b=score.parts(pairs.labels, pairs.theirs))
        for pairs in found.values()
    ]
    units = next((pairs.units for pairs in found.values() if pairs.units is not None), None)
    num_units = count_units(unit_numbers(units, group.num_evaluation_examples))
    if num_units < 2:
        return {}
    intervals = crossed_bootstraps(sides, score.score, units=units, num_resamples=NUM_RESAMPLES)
    return {
        key: ExampleEvidence(
            num_examples=len(pairs.labels),
            num_units=num_units,
            crossed=crossed,
            pairs=_run_pairs(pairs, units, crossed, counts_right=group.metric not in OF_NUMBERS),
        )
        for (key, pairs), crossed in zip(found.items(), intervals, strict=True)
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Labels [e] and both sides' answers [s, e] at the same seeds; the number of each row's unit [e] or None."""

    seeds: tuple[int, ...]
    labels: Values
    ours: Values
    theirs: Values
    units: Values | None


def _rows(group: ComparisonGroup) -> str:
    """Return what was answered: a split, or the rows of another task or file that a finished model was scored on."""
    _, _, other = group.task.partition(ON_OTHER_ROWS)
    return other or group.reported_split


def _read_predictions(path: Path, num_examples: int) -> Answers | None:
    if not path.is_file():  # A pipe would be read for ever.
        return None
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            names = ["label", "predicted", *([UNIT] if UNIT in file.schema_arrow.names else [])]
            columns = {name: file.schema_arrow.field(name).type for name in names}
            if file.metadata.num_rows != num_examples or not all(map(_is_number, columns.values())):
                return None
            if UNIT in columns and not pyarrow.types.is_integer(columns[UNIT]):
                return None
            require_bytes(num_examples * VALUE_BYTES * len(columns), path.stat().st_size, WAY_ON)
            table = file.read(names, use_threads=False)
        label, predicted, *units = (_numbers(table.column(name)) for name in names)
    except (OSError, KeyError, TypeError, ValueError):  # a damaged or endless file, or multi-label answers
        return None
    return Answers(label, predicted, units[0] if units else None) if len(label) == num_examples else None


def _is_number(kind: pyarrow.DataType) -> bool:
    return bool(pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind))


def _numbers(column: pyarrow.ChunkedArray) -> Values:
    """Return a column of numbers; Arrow's own conversion would import pandas, which takes a fifth of a second."""
    if column.null_count:
        raise TypeError("numbers are missing")
    dtype = column.type.to_pandas_dtype()
    parts = [
        numpy.frombuffer(each.buffers()[1], dtype, len(each), each.offset * dtype().nbytes) for each in column.chunks
    ]
    return numpy.concatenate(parts).astype(float)


def _pairs(row: ComparisonRow, read: Read, score: ExampleScore, scores: dict[str, dict[int, float]]) -> _Pairs | None:
    """Return the pairs of a comparison whose predictions give the scores that it is made of."""
    if row.difference is None or row.baseline_digest is None or row.num_folds is not None or row.sequential is not None:
        return None
    digests = (row.experiment_digest, row.baseline_digest)
    found: dict[int, list[Answers]] = {}
    for seed, _ in row.difference.differences:
        sides = [side for digest in digests if (side := read(digest, seed)) is not None]
        if len(sides) == len(digests):
            found[seed] = sides
    if not found:
        return None
    answers_of_all = [side for sides in found.values() for side in sides]
    labels = answers_of_all[0].labels
    if any(not numpy.array_equal(labels, each.labels) for each in answers_of_all):
        return None  # other rows from seed to seed cannot be crossed
    ours, theirs = (numpy.stack([sides[number].predicted for sides in found.values()]) for number in (0, 1))
    for digest, answers in zip(digests, (ours, theirs), strict=True):
        computed = score.score(score.parts(labels, answers).mean(axis=1))
        stored = [scores.get(digest, {}).get(seed, numpy.nan) for seed in found]
        if not numpy.allclose(computed, stored, atol=_ROUNDING):
            return None
    units = next((each.units for each in answers_of_all if each.units is not None), None)
    return _Pairs(tuple(found), labels, ours, theirs, units)


def _run_pairs(
    pairs: _Pairs, units: Values | None, crossed: CrossedInterval, *, counts_right: bool
) -> tuple[RunPair, ...]:
    return tuple(
        RunPair(
            seed=seed,
            difference=mean,
            interval=interval,
            mcnemar=mcnemar(ours == pairs.labels, theirs == pairs.labels, units) if counts_right else None,
        )
        for seed, (mean, interval), ours, theirs in zip(
            pairs.seeds, crossed.by_seed, pairs.ours, pairs.theirs, strict=True
        )
    )
