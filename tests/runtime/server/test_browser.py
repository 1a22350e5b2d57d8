"""The server's page in a real browser: every kind of answer, usable by everybody, with nothing from elsewhere."""

# ruff: noqa: E402 - without the extras these tests are skipped, which is said before they are imported
from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import accessibility_faults, open_page, running_browser

for _package in ("onnx", "headstart_runtime", "fastapi", "prometheus_client", "uvicorn", "PIL"):
    pytest.importorskip(_package, reason="the extras 'onnx' and 'serve' are not installed")

from PIL import Image

from headstart_runtime import load
from tests.support.served import Served, serving, write_exported, write_exported_images

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

MANY = tuple(f"class <i>{number}</i>" for number in range(30))
KINDS = {
    "one": {},
    "many <b>classes</b>": {"labels": MANY},
    "several": {"answers": "multi_label"},
    "number": {"answers": "regression"},
    "choices": {"answers": "multiple_choice"},
    "pairs": {"num_texts": 2},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("served")
    made = {name: write_exported(root / str(at), **said) for at, (name, said) in enumerate(KINDS.items())}  # type: ignore[arg-type]  # fields of a description
    return made | {"images": write_exported_images(root / "images")}


@pytest.fixture(scope="module")
def served(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("log") / "log.txt"
    with serving([f"{name}={folder}" for name, folder in folders.items()], log) as running:
        yield running


def ask(page: Page, model: str, text: str = "the cat sees a bird") -> str:
    """Try a text by keyboard, as its label says where it goes; return the headline of the answer."""
    page.get_by_label("Model").select_option(label=model)
    first = page.get_by_label("First text" if model == "pairs" else "Text", exact=True)
    first.fill(text)
    if model == "pairs":
        page.get_by_label("Second text").fill("a small bird")
    if model == "choices":
        page.get_by_label("Choices, one a line").fill("red horses\n\n<u>two</u> birds\n")
    page.get_by_role("button", name="Answer").press("Enter")
    page.locator("#answer h2").wait_for()
    return page.locator("#answer h2").inner_text()


def test_answers_are_those_of_the_model(browser: Browser, served: Served, folders: dict[str, Path]) -> None:
    text = "the cat sees a bird"
    models = {name: load(folder) for name, folder in folders.items()}
    with open_page(browser, served.address) as window:
        page = window.page
        assert ask(page, "one") == models["one"].predict([text])[0]
        wanted = models["one"].predict_proba([text])[0]
        shown = page.locator("#answer .percent").all_inner_texts()
        assert shown == [f"{100 * value:.1f} %" for value in sorted(wanted, reverse=True)]
        labels = models["several"].predict([text])[0]
        assert ask(page, "several") == (", ".join(labels) or "None of the labels")
        assert page.locator("#answer .chosen th").count() == len(labels)
        assert float(ask(page, "number")) == models["number"].predict([text])[0]
        assert page.locator("#answer table").count() == 0
        choices = ["red horses", "<u>two</u> birds"]
        assert ask(page, "choices") == choices[models["choices"].predict([text], choices=[choices])[0]]
        assert ask(page, "pairs") == models["pairs"].predict([(text, "a small bird")])[0]


def choose(page: Page, content: bytes) -> str:
    """Choose a file as its label says where it goes; return the headline of the answer."""
    page.get_by_label("Model").select_option(label="images")
    page.get_by_label("Image").set_input_files([{"name": "a.png", "mimeType": "image/png", "buffer": content}])
    page.get_by_role("button", name="Answer").press("Enter")
    page.locator("#answer h2, #answer .fault").wait_for()
    return page.locator("#answer h2, #answer .fault").inner_text()


def test_an_image_is_chosen_and_answered(browser: Browser, served: Served, folders: dict[str, Path]) -> None:
    file = io.BytesIO()
    Image.new("RGB", (50, 40), (250, 10, 30)).save(file, "PNG")
    with open_page(browser, served.address) as window:
        page = window.page
        assert choose(page, file.getvalue()) == load(folders["images"]).predict([file.getvalue()])[0]
        assert page.locator("#about").inner_text() == "Choose an image and see what the model answers."
        assert not page.get_by_label("Text", exact=True).is_visible()
        assert accessibility_faults(page) == []
        assert window.complaints == []
        assert all(request.startswith((served.address, "data:")) for request in window.requests), window.requests
    with open_page(browser, served.address) as window:
        assert choose(window.page, b"no image").startswith("images[0] is no image that can be read")
    with open_page(browser, served.address) as window:
        ask(window.page, "one")
        assert not window.page.get_by_label("Image").is_visible()


def test_names_are_text_and_nothing_comes_from_elsewhere(browser: Browser, served: Served) -> None:
    with open_page(browser, served.address) as window:
        page = window.page
        assert ask(page, "many <b>classes</b>") in MANY
        assert page.locator("#answer tr").count() == 20
        assert "the 20 highest of 30" in page.locator("caption").inner_text()
        assert page.locator("#answer i, #answer b, select b").count() == 0
        widths = page.locator(".bar").evaluate_all("bars => bars.map(bar => bar.offsetWidth)")
        assert widths == sorted(widths, reverse=True)
        assert widths[0] > widths[-1] >= 1
        assert window.complaints == []
        assert all(request.startswith((served.address, "data:")) for request in window.requests), window.requests


def test_what_is_wrong_is_said(browser: Browser, served: Served) -> None:
    with open_page(browser, served.address) as window:
        page = window.page
        page.get_by_label("Text", exact=True).fill("   ")
        page.get_by_role("button", name="Answer").click()
        page.locator("#answer .fault").wait_for()
        assert "must hold texts that are not empty" in page.locator("#answer").inner_text()


@pytest.mark.parametrize(("width", "is_dark"), [(1280, False), (1280, True), (390, False), (390, True)])
def test_axe_finds_nothing_and_nothing_is_cut_off(
    browser: Browser, served: Served, width: int, is_dark: bool, tmp_path: Path
) -> None:
    with open_page(browser, served.address, width=width, is_dark=is_dark) as window:
        page = window.page
        for model in ("many <b>classes</b>", "choices"):
            ask(page, model)
            assert accessibility_faults(page) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            page.screenshot(path=tmp_path / f"{model[:4]}-{width}-{'dark' if is_dark else 'light'}.png", full_page=True)


def test_without_its_script_the_page_says_so(browser: Browser, served: Served) -> None:
    with open_page(browser, served.address, has_script=False) as window:
        assert "needs JavaScript" in window.page.inner_text("main")
