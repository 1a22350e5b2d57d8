"""What a person or a program reads."""

from __future__ import annotations

import csv
import io
import json

import pytest

from headstart.reports.formats import count, duration, plural, points, short_count, signed_points
from headstart.reports.frame import Frame
from headstart.reports.renderings import as_csv, as_json, as_markdown, as_rich
from headstart.reports.tables import ComparisonTable, build_comparison
from tests.support.stores import fail, make_record


@pytest.fixture
def table() -> ComparisonTable:
    records = [make_record("finetune", seed, 0.70 + seed / 100) for seed in range(3)]
    records += [make_record("eh_ft(lora)", seed, 0.72 + seed / 100, stage1=0.6) for seed in range(2)]
    records.append(fail(make_record("eh_ft(lora)", 2)))
    return build_comparison(Frame.from_records(records))


def printed(table: ComparisonTable, width: int) -> str:
    from rich.console import Console

    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(as_rich(table))
    return console.file.getvalue()


def test_the_terminal_shows_numbers_and_words(table: ComparisonTable):
    text = printed(table, 100)
    for part in (
        "71.00 ± 1.00",
        "72.50 ± 0.71",
        "+2.00",
        "2/3",
        "60.00",
        "22.7",
        "too few seeds for a verdict",
        "majority",
    ):
        assert part in text


def test_the_terminal_table_fits_80_columns(table: ComparisonTable):
    text = printed(table, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "eh_ft(lora)" in text
    assert "72.50 ± 0.71" in text


def test_markup_in_a_label_stays_text():
    table = build_comparison(Frame.from_records([make_record("[red]x|y[/red]<script>")]))
    assert "[red]x" in printed(table, 120)
    assert "[red]x\\|y[/red]&lt;script>" in as_markdown(table)


def test_markdown_has_one_line_a_row(table: ComparisonTable):
    lines = as_markdown(table).splitlines()
    assert lines[0].startswith("| task | strategy | mean ± sd |")
    assert sum(line.startswith("| demo") for line in lines) == 2
    assert len({line.count("|") for line in lines[:4]}) == 1


def test_csv_keeps_scores_as_stored(table: ComparisonTable):
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert [row["label"] for row in rows] == ["finetune", "eh_ft(lora)"]
    assert float(rows[0]["mean"]) == pytest.approx(0.71)
    assert rows[0]["difference_mean"] == ""
    assert rows[1]["num_diverged"] == "1"
    assert float(rows[1]["difference_mean"]) == pytest.approx(0.02)


def test_json_is_strict_and_complete(table: ComparisonTable):
    values = json.loads(as_json(table), parse_constant=pytest.fail)
    row = values["groups"][0]["rows"][1]
    assert row["difference"]["n"] == 2
    assert row["scores"] == [[0, 0.72], [1, 0.73]]
    assert row["mean_with_failures"] == pytest.approx((0.72 + 0.73 + 0.34) / 3)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (points(0.78571), "78.57"),
        (points(None), "\N{EN DASH}"),
        (points(-0.1), "\N{MINUS SIGN}10.00"),
        (signed_points(0.0119), "+1.19"),
        (signed_points(-0.0119), "\N{MINUS SIGN}1.19"),
        (signed_points(-0.00000001), "0.00"),
        (short_count(22_713_216), "22.7 M"),
        (short_count(1155), "1.16 k"),
        (short_count(999_999), "1 M"),
        (short_count(12), "12"),
        (count(22_713_216), "22,713,216"),
        (duration(4.23), "4.2 s"),
        (duration(312.0), "312 s"),
        (duration(7500.0), "2 h 05 min"),
        (plural(1, "seed"), "1 seed"),
        (plural(3, "seed"), "3 seeds"),
    ],
)
def test_numbers_as_written(written: str, expected: str):
    assert written.replace("\N{NO-BREAK SPACE}", " ") == expected
