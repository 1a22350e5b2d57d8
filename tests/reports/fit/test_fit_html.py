"""The page of a fit: whole for every kind, the same bytes for the same facts, and text stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from headstart.reports.fit.html import render_fit_report, write_fit_report
from tests.support.browser import accessibility_faults, open_page, running_browser
from tests.support.fit_facts import make_facts, rows_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

EVIL = "<script>window.hacked = 1</script>"


@pytest.mark.parametrize("kind", ["classification", "multiple_choice", "multi_label", "regression"])
def test_the_same_facts_give_the_same_page(kind: str) -> None:
    page = render_fit_report(make_facts(kind))
    assert page == render_fit_report(make_facts(kind))
    assert "The time ran out." in page
    assert len(set(re.findall(r'id="([^"]+)"', page))) == len(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))


def test_whatever_stands_in_a_table_stays_text() -> None:
    rows = replace(rows_of("classification", 60, wrong=5), texts=[(EVIL, EVIL)] * 60)
    facts = make_facts(
        title=EVIL,
        task=EVIL,
        model=EVIL,
        reason=EVIL,
        scored_rows=EVIL,
        notes=(EVIL,),
        text_columns=(EVIL, EVIL),
        class_names=(EVIL, "calm", f'"{EVIL}'),
        held_out=rows,
        out_of_fold=rows,
        tried=tuple(replace(each, name=EVIL, trained_by=EVIL, note=EVIL) for each in make_facts().tried),
    )
    page = render_fit_report(facts)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 20


def test_what_was_not_measured_is_left_out_or_said() -> None:
    facts = make_facts(interval=None, tried=(), curve=(), held_out=None, out_of_fold=None, notes=())
    page = render_fit_report(facts)
    assert "There is no interval." in page
    assert "nothing else was tried" in page
    assert "Labels were not judged, since there are fewer than 10 training rows" in page
    for part in ("mistakes", "calibration", "classes", "rows"):
        assert f'id="{part}"' not in page


def test_a_row_or_no_row_is_enough(tmp_path: Path) -> None:
    for kind in ("classification", "multi_label", "regression"):
        for num_rows in (0, 1):
            few = rows_of(kind, num_rows)
            write_fit_report(make_facts(kind, held_out=few, out_of_fold=few), tmp_path / "report.html")
    assert "</html>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_many_classes_open_on_demand() -> None:
    page = render_fit_report(make_facts(num_classes=77))
    assert "The other 57" in page
    assert page.count('scope="row" class="name"') == 77


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.mark.parametrize(("kind", "num_classes"), [("classification", 77), ("multi_label", 3)])
def test_the_page_is_usable_by_everybody(browser: Browser, tmp_path: Path, kind: str, num_classes: int) -> None:
    write_fit_report(make_facts(kind, num_classes), tmp_path / "report.html")
    for width, is_dark in ((1280, True), (320, False)):
        with open_page(browser, tmp_path / "report.html", width=width, is_dark=is_dark) as window:
            assert window.complaints == []
            assert len(window.requests) == 1
            assert window.page.evaluate("document.documentElement.scrollWidth") == width
            assert accessibility_faults(window.page) == []


def test_what_the_curve_is_of_stands_where_it_is_another_model() -> None:
    facts = make_facts()
    page, other = render_fit_report(facts), render_fit_report(replace(facts, curve_of="a small model"))
    assert "Measured with" not in page
    tried = other[other.index('id="tried"') : other.index('id="rows"')]
    assert "95 % interval" not in tried
    assert tried.count("<td") == 6 * len(facts.tried)
    assert "Measured with a small model: look at how the line rises" in other
