"""The report's page in a real browser: usable by everybody, with and without its script, and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from headstart.comparison.report import read_report
from headstart.reports.html import write_html
from tests.support.browser import accessibility_faults, open_page, running_browser
from tests.support.stores import fail, make_record, measured, write_store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EVIL = "<script>window.hacked = 1</script>"
STRATEGIES = ("finetune", "lp_ft", "eh_ft(lora)", "linear_probe")
SCORES = {"finetune": 0.70, "lp_ft": 0.71, "eh_ft(lora)": 0.73, "linear_probe": 0.62}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = [
        measured(
            make_record(
                label,
                seed,
                score + offset + ((5 * seed + len(label)) % 7) / 200,
                task=task,
                stage1=None if label == "finetune" else 0.6,
                warnings=(EVIL,) if seed == 0 else (),
            )
        )
        for task, offset in (("glue/rte", 0.0), ("glue/mrpc", 0.1), (f"a {EVIL}", 0.05))
        for label, score in SCORES.items()
        for seed in range(7)
    ]
    records[9] = fail(records[9])
    folder = tmp_path_factory.mktemp("report")
    write_html(read_report(write_store(folder / "runs", records, with_metrics=True)), folder / "report.html")
    return folder / "report.html"


def tasks_in_order(page: Page) -> list[str]:
    return page.locator(".matrix > tbody > tr:visible > th > a").all_inner_texts()


@pytest.mark.parametrize(("width", "is_dark"), [(1280, False), (1280, True), (390, False)])
def test_axe_finds_nothing(browser: Browser, report: Path, width: int, is_dark: bool):
    with open_page(browser, report, width=width, is_dark=is_dark) as window:
        window.page.get_by_role("button", name="Open all details").click()
        assert accessibility_faults(window.page) == []


def test_nothing_is_fetched_and_nothing_complains(browser: Browser, report: Path):
    with open_page(browser, report) as window:
        window.page.wait_for_load_state()
        assert window.complaints == []
        assert window.requests == [report.as_uri()]
        assert window.page.evaluate("window.hacked") is None
        assert f"a {EVIL}" in window.page.locator("h2").all_text_contents()


@pytest.mark.parametrize("width", [1280, 390])
def test_odd_stores_are_no_trouble(browser: Browser, tmp_path: Path, width: int):
    """A single run; failures alone; more strategies than markers, of names that do not fit."""
    long = "eh_ft(lora:rank=8,alpha=16,targets=query+value)_with_a_name_that_does_not_fit_anywhere"
    many = [make_record(f"{long}{number}" if number else "finetune", 0, 0.7) for number in range(18)]
    for records in ([make_record()], [fail(make_record()), fail(make_record("lp_ft"))], many):
        store = write_store(tmp_path / f"runs{len(records)}", records)
        write_html(read_report(store), tmp_path / "report.html")
        with open_page(browser, tmp_path / "report.html", width=width) as window:
            window.page.get_by_role("button", name="Open all details").click()
            assert window.complaints == []
            assert window.page.evaluate("document.documentElement.scrollWidth") == width


def test_the_table_is_sorted_by_keyboard(browser: Browser, report: Path):
    with open_page(browser, report) as window:
        page = window.page
        button = page.locator(".matrix > thead").get_by_role("button", name="eh_ft(lora)")
        button.focus()
        page.keyboard.press("Enter")
        header = page.locator(".matrix > thead > tr > th", has_text="eh_ft(lora)")
        assert header.get_attribute("aria-sort") == "descending"
        assert tasks_in_order(page) == ["glue/mrpc", f"a {EVIL}", "glue/rte"]
        page.keyboard.press("Space")
        assert header.get_attribute("aria-sort") == "ascending"
        assert tasks_in_order(page) == ["glue/rte", f"a {EVIL}", "glue/mrpc"]
        assert page.get_by_role("status").inner_text() == "Sorted by eh_ft(lora), lowest first."
        page.locator(".matrix > thead").get_by_role("button", name="Task").press("Enter")
        assert tasks_in_order(page) == [f"a {EVIL}", "glue/mrpc", "glue/rte"]


def test_strategies_of_a_task_are_sorted_with_their_remarks(browser: Browser, report: Path):
    with open_page(browser, report) as window:
        table = window.page.locator("section.task", has_text="glue/rte").locator("table.comparison")
        table.get_by_role("button", name="Difference").press("Enter")
        labels = [text.strip() for text in table.locator("tbody").evaluate_all("b => b.map(x => x.dataset.strategy)")]
        assert labels == ["eh_ft(lora)", "lp_ft", "linear_probe", "finetune"]


def test_tasks_and_strategies_are_filtered_by_keyboard(browser: Browser, report: Path):
    with open_page(browser, report) as window:
        page = window.page
        page.get_by_label("Filter tasks").focus()
        page.keyboard.type("mrpc")
        assert tasks_in_order(page) == ["glue/mrpc"]
        assert page.locator("section.task:visible").count() == 1
        assert page.get_by_role("status").inner_text() == "1 of 3 tasks shown."
        page.get_by_label("Filter tasks").fill("")
        assert len(tasks_in_order(page)) == 3
        page.get_by_role("checkbox", name="lp_ft").press("Space")
        headings = page.locator(".matrix > thead > tr > th:visible").all_inner_texts()
        assert [heading.strip() for heading in headings] == ["Task", "finetune", "eh_ft(lora)", "linear_probe"]


def test_a_cell_opens_its_seeds_by_keyboard(browser: Browser, report: Path):
    with open_page(browser, report) as window:
        cell = window.page.locator(".cell").first
        assert not cell.locator(".seeds").is_visible()
        cell.locator("summary").focus()
        window.page.keyboard.press("Enter")
        assert cell.locator(".seeds").is_visible()
        assert cell.locator(".seeds tbody tr").count() == 7


def test_values_show_on_hover(browser: Browser, report: Path):
    with open_page(browser, report) as window:
        page = window.page
        mark = page.locator("#differences .tip .mark").first
        mark.scroll_into_view_if_needed()
        mark.hover()
        assert "paired seeds" in page.locator(".tooltip").inner_text()
        page.mouse.move(2, 2)
        assert not page.locator(".tooltip").is_visible()


def test_without_its_script_the_page_is_whole(browser: Browser, report: Path):
    with open_page(browser, report, has_script=False) as window:
        page = window.page
        assert not page.locator(".controls").is_visible()
        assert len(tasks_in_order(page)) == 3
        assert page.locator("figure svg.figure").count() > 10
        page.locator(".cell summary").first.click()
        assert page.locator(".seeds").first.is_visible()
        page.locator("figure summary").first.click()
        assert page.locator("figure details table").first.is_visible()


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
def test_on_paper_everything_is_open_and_no_control_is_left(browser: Browser, report: Path, has_script: bool):
    with open_page(browser, report, has_script=has_script) as window:
        page = window.page
        assert page.pdf().startswith(b"%PDF-")
        page.emulate_media(media="print")
        assert page.locator(".seeds").first.is_visible()
        assert page.locator("figure details table").first.is_visible()
        for control in (".controls", "nav", ".skip"):
            assert not page.locator(control).is_visible()


@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_needs_no_sideways_scrolling(browser: Browser, report: Path, width: int):
    with open_page(browser, report, width=width) as window:
        page = window.page
        page.get_by_role("button", name="Open all details").click()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        boxes = page.locator(".scroll")
        assert all(boxes.evaluate_all("boxes => boxes.map(box => box.tabIndex === 0)"))
        assert boxes.first.evaluate("box => box.scrollWidth > box.clientWidth")


def test_colours_differ_in_the_dark(browser: Browser, report: Path):
    backgrounds = []
    for is_dark in (False, True):
        with open_page(browser, report, is_dark=is_dark) as window:
            backgrounds.append(window.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert backgrounds == ["rgb(246, 247, 249)", "rgb(17, 21, 26)"]
