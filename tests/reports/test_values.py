"""What a program reads: CSV and JSON."""

from __future__ import annotations

import csv
import io
import json

import pytest

from headstart.comparison.frame import Frame
from headstart.comparison.report import Report, build_report
from headstart.reports.values import SCHEMA_VERSION, as_csv, as_json
from tests.support.stores import fail, make_record


@pytest.fixture
def report() -> Report:
    records = [make_record("finetune", seed, 0.70 + seed / 100) for seed in range(3)]
    records += [make_record("eh_ft(lora)", seed, 0.72 + seed / 50, stage1=0.6) for seed in range(2)]
    records.append(fail(make_record("eh_ft(lora)", 2)))
    return build_report(Frame.from_records(records))


def test_csv_keeps_scores_as_stored(report: Report):
    rows = list(csv.DictReader(io.StringIO(as_csv(report))))
    assert [row["label"] for row in rows] == ["finetune", "eh_ft(lora)"]
    assert float(rows[0]["mean"]) == pytest.approx(0.71)
    assert float(rows[0]["median"]) == pytest.approx(0.71)
    assert float(rows[0]["lower_quartile"]) == pytest.approx(0.705)
    assert rows[0]["difference_mean"] == rows[0]["bca_low"] == ""
    assert rows[1]["num_diverged"] == "1"
    assert float(rows[1]["difference_mean"]) == pytest.approx(0.025)
    assert float(rows[1]["percentile_coverage"]) < 0.95
    assert rows[1]["verdict"] == "too few seeds for a verdict"


def test_every_line_of_the_csv_has_every_column(report: Report):
    lines = list(csv.reader(io.StringIO(as_csv(report))))
    assert len({len(line) for line in lines}) == 1
    assert len(set(lines[0])) == len(lines[0])


def test_json_is_strict_and_complete(report: Report):
    values = json.loads(as_json(report), parse_constant=pytest.fail)
    assert values["schema_version"] == SCHEMA_VERSION
    assert values["num_comparisons"] == 1
    assert values["answers"][0]["verdict"] == "too few seeds for a verdict"
    baseline, row = values["groups"][0]["rows"]
    assert row["difference"]["n"] == 2
    assert row["scores"] == [[0, 0.72], [1, 0.74]]
    assert row["mean_with_failures"] == pytest.approx((0.72 + 0.74 + 0.34) / 3)
    assert row["outcomes"]["num_failed"] == 1
    assert row["evidence"]["adjusted_p_value"] == row["difference"]["p_value"]
    assert "difference" not in row["evidence"]
    assert [best["value"] for best in row["expected_best"]] == pytest.approx([0.73, 0.74])
    assert baseline["evidence"] is baseline["difference"] is None


def test_an_empty_report_is_written_too():
    report = build_report(Frame.from_records([]))
    assert json.loads(as_json(report))["groups"] == []
    assert len(as_csv(report).splitlines()) == 1
