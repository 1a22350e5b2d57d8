"""The documentation as a site, in a real browser: it opens offline, asks nobody, and axe-core finds nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Window, accessibility_faults, open_page, running_browser
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow
SHOWN = (
    "index",
    "tutorials/first-classifier/index",
    "how-it-works/index",
    "compared/index",
    "guides/serving/index",
    "guides/sharing/index",
    "guides/gpu/index",
    "guides/images-and-audio/index",
    "reference/index",
)
MOST_BYTES = 500_000
PARTS = 4
"""In how many parts, which can run beside each other, all pages are looked at."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as found:
        yield found


@pytest.fixture(scope="module")
def site() -> Path:
    pytest.importorskip("zensical", reason="zensical is not installed: pip install '.[docs]'")
    subprocess.run(
        [Path(sys.executable).parent / "zensical", "build", "--strict"], cwd=REPOSITORY, check=True, capture_output=True
    )
    return REPOSITORY / "build" / "site"


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", SHOWN)
def test_axe_finds_nothing(browser: Browser, site: Path, name: str, width: int, is_dark: bool) -> None:
    with open_page(browser, site / f"{name}.html", width=width, is_dark=is_dark) as window:
        window.page.wait_for_timeout(300)
        assert not accessibility_faults(window.page)
        assert not window.page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_is_light_asks_nobody_and_can_be_read(browser: Browser, site: Path, part: int) -> None:
    """Each page once, by turns on a phone or a desk, light or dark."""
    pages = sorted(site.rglob("index.html"))[part::PARTS]
    assert len(pages) > 20
    faults = {}
    for number, page in enumerate(pages):
        with open_page(browser, page, width=(390, 1280)[number % 2], is_dark=number % 4 > 1) as window:
            window.page.wait_for_timeout(300)
            if found := [*accessibility_faults(window.page), *_excess(window)]:
                faults[page.relative_to(site).as_posix()] = found
    assert not faults


def _excess(window: Window) -> Iterator[str]:
    """Yield what a page has too much of: width, bytes, requests to others."""
    if window.page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"):
        yield "wider than its window"
    files = {Path(url.removeprefix("file://").partition("?")[0]) for url in window.requests if url.startswith("file:")}
    if (size := sum(path.stat().st_size for path in files if path.is_file())) > MOST_BYTES:
        yield f"{size:,} bytes"
    yield from (url for url in window.requests if not url.startswith(("file:", "data:", "blob:")))
