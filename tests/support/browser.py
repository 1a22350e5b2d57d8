"""A real browser for the tests of pages: the system's own Chromium, headless, with nothing downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start a browser; skip the test, with the reason, where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[dev]'")
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass(frozen=True)
class Window:
    """An open page, and all that it complained about or asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def open_page(
    browser: Browser, place: Path | str, *, width: int = 1280, is_dark: bool = False, has_script: bool = True
) -> Iterator[Window]:
    """Open a file, or an address of this machine, in a fresh profile."""
    address = place.as_uri() if isinstance(place, Path) else place
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if is_dark else "light",
        java_script_enabled=has_script,
        offline=isinstance(place, Path),
        reduced_motion="reduce",
    )
    window = Window(page=context.new_page())
    window.page.on("console", lambda message: window.complaints.append(message.text))
    window.page.on("pageerror", lambda error: window.complaints.append(str(error)))
    window.page.on("request", lambda request: window.requests.append(request.url))
    window.page.goto(address)
    yield window
    context.close()


def accessibility_faults(page: Page) -> list[str]:
    """Return what axe-core finds wrong with a page: rule, impact and the first places."""
    checker = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing")
    found = checker.Axe().run(page).response["violations"]
    return [
        f"{fault['id']} ({fault['impact']}): {[place['html'][:120] for place in fault['nodes'][:3]]}" for fault in found
    ]
