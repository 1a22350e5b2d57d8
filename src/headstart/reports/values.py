"""A report for programs, as CSV and JSON: scores as they are stored, unrounded, from 0 to 1; errors in their unit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow
from headstart.comparison.examples import ExampleEvidence
from headstart.comparison.left_out import LeftOut
from headstart.comparison.report import Report
from headstart.spreadsheet_cells import written_rows
from headstart.stats.evidence import Evidence

SCHEMA_VERSION = 4
"""2: answers, evidence and counts beside the rows; 1 was the table alone, without a number. 3: `constant_score`. 4: a
row's `finding` and `cautions` for `words`, its `setting`, and what keeps it from being compared."""


def as_csv(report: Report, *, spreadsheet_safe: bool = False) -> str:
    """Return a heading and one line per row; a value that is missing is empty.

    With `spreadsheet_safe` no cell is one that a spreadsheet would take for a formula.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(written_rows(_lines(report), spreadsheet_safe=spreadsheet_safe))
    return text.getvalue()


def _lines(report: Report) -> Iterator[Sequence[object]]:
    headings = (
        *_ROW_COLUMNS,
        "adjusted_p_value",
        *_EVIDENCE_COLUMNS,
        *_EXAMPLE_COLUMNS,
        "cautions",
        "experiment_digest",
    )
    yield headings
    for row in report.table.rows:
        found, examples = report.evidence.by_row.get(row.key), report.evidence.examples.get(row.key)
        values = [write(row) for write in _ROW_COLUMNS.values()]
        values.append(report.evidence.adjusted.get(row.key) if found else None)
        values += [write(found) if found else None for write in _EVIDENCE_COLUMNS.values()]
        values += [write(examples) if examples else None for write in _EXAMPLE_COLUMNS.values()]
        yield [*values, "; ".join(row.cautions), row.experiment_digest]
    for group in report.table.groups:
        yield from (_left_out(group, each, headings) for each in group.left_out)


def _left_out(group: ComparisonGroup, each: LeftOut, headings: Sequence[str]) -> list[object]:
    """Return the line of a strategy of which no run counts."""
    known: dict[str, object] = {
        "task": group.task,
        "model": group.model,
        "label": each.label,
        "n": 0,
        "num_damaged": each.num_runs,
        "finding": each.finding,
        "cautions": each.what,
        "experiment_digest": each.experiment_digest,
    }
    return [known.get(heading) for heading in headings]


def as_json(report: Report) -> str:
    """Return everything as JSON; a value that is missing is null.

    A row is what `ComparisonRow` says, and beside that its evidence (`stats.evidence`), its examples
    (`comparison.examples`) and the expected best of 1, 2, ... runs. `schema_version` rises when a field goes or
    changes.
    """
    values = {
        "schema_version": SCHEMA_VERSION,
        "damage": report.table.damage,
        "overall": [asdict(answer) for answer in report.overall],
        "answers": [asdict(answer) for answer in report.answers],
        "num_comparisons": report.evidence.num_comparisons,
        "groups": [_group(report, group) for group in report.table.groups],
        "across_tasks": [asdict(gain) for gain in report.evidence.gains],
        "notes": report.table.notes,
    }
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _group(report: Report, group: ComparisonGroup) -> dict[str, Any]:
    return asdict(group) | {"rows": [_row(report, row) for row in group.rows]}


def _row(report: Report, row: ComparisonRow) -> dict[str, Any]:
    key, evidence = row.key, report.evidence
    found, examples, best = evidence.by_row.get(key), evidence.examples.get(key), evidence.best.get(key, ())
    values = asdict(row) | {
        "evidence": asdict(found) | {"adjusted_p_value": evidence.adjusted.get(key)} if found else None,
        "examples": asdict(examples) if examples else None,
        "expected_best": [asdict(each) for each in best],
    }
    if (by_group := report.by_group.get(key)) is not None:
        values["by_group"] = asdict(by_group) | {"column": report.group_by}
    for part in ("evidence", "sequential"):  # the difference stands in the row
        (values[part] or {}).pop("difference", None)
    return values


_ROW_COLUMNS: dict[str, Callable[[ComparisonRow], object]] = {
    "task": lambda row: row.task,
    "model": lambda row: row.model,
    "label": lambda row: row.label,
    "strategy": lambda row: row.strategy,
    "metric": lambda row: row.metric,
    "reported_split": lambda row: row.reported_split,
    "chosen_on": lambda row: row.chosen_on,
    "n": lambda row: row.n,
    "num_diverged": lambda row: row.num_diverged,
    "num_errors": lambda row: row.num_errors,
    "num_damaged": lambda row: len(row.damaged_seeds),
    "num_constant": lambda row: row.outcomes.num_constant,
    "num_at_constant_score": lambda row: row.outcomes.num_at_constant_score,
    "mean": lambda row: row.summary and row.summary.mean,
    "standard_deviation": lambda row: row.summary and row.summary.standard_deviation,
    "median": lambda row: row.summary and row.summary.median,
    "lower_quartile": lambda row: row.summary and row.summary.lower_quartile,
    "upper_quartile": lambda row: row.summary and row.summary.upper_quartile,
    "mean_with_failures": lambda row: row.mean_with_failures,
    "constant_score": lambda row: row.constant_score,
    "mae": lambda row: row.errors.get("mae"),
    "constant_mae": lambda row: row.constant_errors.get("mae"),
    "rmse": lambda row: row.errors.get("rmse"),
    "constant_rmse": lambda row: row.constant_errors.get("rmse"),
    "stage1_mean": lambda row: row.stage1 and row.stage1.mean,
    "seconds": lambda row: row.seconds,
    "num_trained_parameters": lambda row: row.num_trained_parameters,
    "num_steps": lambda row: row.num_steps,
    "rows": lambda row: row.setting and row.setting.rows,
    "model_revision": lambda row: row.setting and row.setting.model_revision,
    "difference_mean": lambda row: row.difference and row.difference.mean,
    "difference_low": lambda row: row.difference and row.difference.interval and row.difference.interval.low,
    "difference_high": lambda row: row.difference and row.difference.interval and row.difference.interval.high,
    "is_sequential": lambda row: row.difference and row.difference.is_sequential,
    "num_pairs": lambda row: row.difference and row.difference.n,
    "num_missing_pairs": lambda row: row.difference and row.difference.num_missing_pairs,
    "verdict": lambda row: row.verdict,
    "finding": lambda row: row.finding,
    "baseline": lambda row: row.baseline,
    "p_value": lambda row: row.difference and row.difference.p_value,
}
_EVIDENCE_COLUMNS: dict[str, Callable[[Evidence], object]] = {
    "wilcoxon_p_value": lambda each: each.wilcoxon_p_value,
    "percentile_low": lambda each: each.percentile.interval.low,
    "percentile_high": lambda each: each.percentile.interval.high,
    "percentile_coverage": lambda each: each.percentile.coverage,
    "bca_low": lambda each: each.bca.interval.low,
    "bca_high": lambda each: each.bca.interval.high,
    "bca_coverage": lambda each: each.bca.coverage,
    "effect_size": lambda each: each.effect.value,
    "effect_size_low": lambda each: each.effect.interval.low,
    "effect_size_high": lambda each: each.effect.interval.high,
    "probability_of_improvement": lambda each: each.improvement.value,
    "stochastic_order_violation": lambda each: each.order.violation,
    "stochastic_order_bound": lambda each: each.order.upper_bound,
    "smallest_difference": lambda each: each.smallest_difference,
}
_EXAMPLE_COLUMNS: dict[str, Callable[[ExampleEvidence], object]] = {
    "crossed_low": lambda examples: examples.crossed.interval.low,
    "crossed_high": lambda examples: examples.crossed.interval.high,
    "crossed_seed_standard_error": lambda examples: examples.crossed.seed_standard_error,
    "crossed_example_standard_error": lambda examples: examples.crossed.example_standard_error,
}
