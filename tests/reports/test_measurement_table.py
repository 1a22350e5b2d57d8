"""The table of what stages measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from headstart.comparison.comparison_table import build_comparison
from headstart.comparison.formats import NOTHING
from headstart.comparison.frame import Frame
from headstart.comparison.measurements import values_of
from headstart.comparison.report import read_report
from headstart.reports.measurement_table import measurement_table
from headstart.store.record import RunRecord
from tests.support.pages import render_html
from tests.support.stores import fail, make_record, measured, write_store


def some_records() -> list[RunRecord]:
    records = [measured(make_record("eh_ft(lora)", seed, 0.7, stage1=0.6)) for seed in (0, 1)]
    return [*records, make_record("finetune", 0, 0.7), fail(make_record("finetune", 1))]


def test_means_stand_with_their_deviation_and_nothing_is_made_up():
    frame = Frame.from_records(some_records())
    (group,) = build_comparison(frame).groups
    table = measurement_table(group, {cell.key: cell for cell in frame.cells})
    assert table is not None
    assert table.headings == ("", "finetune", "eh_ft(lora)")
    by_name = {row[0]: row[1:] for row in table.rows}
    assert by_name["feature change, per sequence"] == (NOTHING, "3.05 ± 0.07")
    assert by_name["updates to 90 % training accuracy"] == (NOTHING, "40 ± 0")
    assert by_name["calibration error (ECE), %"] == (NOTHING, "8.00 ± 0.00")
    assert by_name["peak memory, GB"] == (NOTHING, "2.50 ± 0.00")
    assert "angle the head moved, degrees" not in by_name
    assert "energy of all stages, kJ" not in by_name  # its first stage did not tell


def test_energy_is_that_of_all_stages():
    record = measured(make_record("eh_ft(lora)", 0, 0.7, stage1=0.6))
    record = replace(record, stages=tuple(replace(s, diagnostics=record.stages[-1].diagnostics) for s in record.stages))
    frame = Frame.from_records([record])
    table = measurement_table(build_comparison(frame).groups[0], {cell.key: cell for cell in frame.cells})
    assert table is not None
    assert ("energy of all stages, kJ", "2.40") in table.rows


def test_values_are_by_seed():
    (_, cell) = Frame.from_records(some_records()).cells
    assert values_of(cell, lambda d: d.feature_change_mean) == ((0, 3.0), (1, 3.1))
    assert values_of(cell, lambda d: d.head_angle) == ()


def test_the_page_shows_them_only_where_there_are_some(tmp_path: Path):
    page = render_html(read_report(write_store(tmp_path / "a", some_records())))
    without = render_html(read_report(write_store(tmp_path / "b", [make_record()])))
    for part in ("What stages measured", "Calibration.", "Feature change.", "How far layers move."):
        assert part in page
        assert part not in without
