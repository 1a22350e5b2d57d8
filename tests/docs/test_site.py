"""The documentation as a site, in a real browser: it opens offline, asks nobody, and axe-core finds nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import accessibility_faults, open_page, running_browser
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


@pytest.mark.parametrize("name", [*SHOWN, "reference/command-line/index", "LOG/index"])
def test_a_page_is_light_and_asks_nobody(browser: Browser, site: Path, name: str) -> None:
    with open_page(browser, site / f"{name}.html") as window:
        window.page.wait_for_timeout(500)
        asked = [url for url in window.requests if not url.startswith(("file:", "data:", "blob:"))]
        assert not asked
        files = {
            Path(url.removeprefix("file://").partition("?")[0]) for url in window.requests if url.startswith("file:")
        }
        assert sum(path.stat().st_size for path in files if path.is_file()) < MOST_BYTES
