"""What a person or a program reads."""

from __future__ import annotations

import io
import re

import pytest

from headstart.comparison.formats import count, duration, plural, points, short_count, signed_points
from headstart.comparison.frame import Frame
from headstart.comparison.report import Report, build_report
from headstart.reports.latex import as_latex, escape
from headstart.reports.renderings import as_markdown, as_rich, as_text
from tests.support.stores import fail, make_record


@pytest.fixture
def report() -> Report:
    records = [make_record("finetune", seed, 0.70 + seed / 100) for seed in range(3)]
    records += [make_record("eh_ft(lora)", seed, 0.72 + seed / 100, stage1=0.6) for seed in range(2)]
    records.append(fail(make_record("eh_ft(lora)", 2)))
    return build_report(Frame.from_records(records))


def printed(report: Report, width: int) -> str:
    from rich.console import Console

    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(as_rich(report.table))
    return console.file.getvalue()


def test_the_terminal_shows_numbers_and_words(report: Report):
    text = printed(report, 100)
    for part in (
        "71.00 ± 1.00",
        "72.50 ± 0.71",
        "+2.00",
        "2/3",
        "60.00",
        "22.7",
        "too few seeds for a verdict",
        "best constant answer",
    ):
        assert part in text


def test_the_terminal_table_fits_80_columns(report: Report):
    text = printed(report, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "eh_ft(lora)" in text
    assert "72.50 ± 0.71" in text


def test_notes_keep_their_heading_and_numbers_at_80_columns():
    records = [make_record("finetune", seed, 0.50 + seed / 5) for seed in range(2)]
    records += [make_record("eh_ft(lora)", seed, 0.95 - seed / 3, stage1=0.3) for seed in range(2)]
    lines = printed(build_report(Frame.from_records(records)), 80).splitlines()
    assert max(map(len, lines)) <= 80
    (heading,) = [line for line in lines if line.startswith("strategy")]
    (row,) = [line for line in lines if line.startswith("eh_ft(lora)")]
    assert heading.split()[-1] == "notes"
    assert row.split()[-1] == "1,2"
    assert "[\N{MINUS SIGN}" in row


def test_markup_in_a_label_stays_text():
    report = build_report(Frame.from_records([make_record("[red]x|y[/red]<script>")]))
    assert "[red]x" in printed(report, 120)
    assert "[red]x\\|y[/red]&lt;script>" in as_markdown(report)


def test_markdown_answers_first_and_has_one_line_a_row(report: Report):
    lines = as_markdown(report).splitlines()
    assert lines[0].startswith("- too few seeds for a verdict: eh_ft(lora) against plain fine-tuning on demo")
    start = next(number for number, line in enumerate(lines) if line.startswith("| task | strategy | mean ± sd |"))
    assert sum(line.startswith("| demo") for line in lines) == 2
    assert len({line.count("|") for line in lines[start : start + 4]}) == 1


def test_links_and_code_in_names_stay_text_in_markdown():
    text = as_markdown(build_report(Frame.from_records([make_record("[x](javascript:alert)`**", task="a\nb")])))
    assert "[x]\\(javascript:alert)\\`\\*\\*" in text
    assert "| a b |" in text


def test_plain_text_has_answers_and_table_in_100_columns(report: Report):
    text = as_text(report)
    assert text.startswith("too few seeds for a verdict: eh_ft(lora)")
    assert "72.50 ± 0.71" in text
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text


def test_latex_is_a_booktabs_table_a_task(report: Report):
    text = as_latex(report)
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{table}", r"\end{table}"):
        assert text.count(rule) == 1
    rows = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert len(rows) == 3
    assert {row.count(" & ") for row in rows} == {5}
    assert r"{eh\_ft(lora)} & {72.50 $\pm$ 0.71} & {2/3} & {+2.00}" in text


def test_nothing_in_a_name_means_anything_to_latex():
    name = '\\input{x} 5 % of $y_1^2$ & #1 ~ <a> | "q" `b\' [c] \n\x07'
    written = escape(name)
    assert "\n" not in written
    assert "\x07" not in written
    # Without the escapes that were written, no character with a meaning is left.
    assert not re.search(r"[\\{}$&#%_^~]", re.sub(r"\\(text[a-z]+\{\}|[{}$&#%_])", "", written))
    table = as_latex(build_report(Frame.from_records([make_record("[2em] 5 % of x_1", task="a & b")])))
    assert r"{[2em] 5 \% of x\_1} &" in table
    assert r"a \& b" in table


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
