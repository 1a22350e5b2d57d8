"""Make what the first tutorial shows: its spreadsheet, and a picture of the report that its own commands lead to.

python docs/tutorials/make.py         # needs playwright and a Chromium
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from openpyxl import Workbook
from playwright.sync_api import sync_playwright

from headstart.tasks.demo_requests import REQUESTS, request_rows

HERE = Path(__file__).parent
FIT = ["fit", "requests.xlsx", "--text", "request", "--label", "topic", "--time-limit", "1m", "--out", "my-model", "-q"]


def main() -> None:
    """Write both beside this script."""
    write_requests(HERE / "requests.xlsx")
    with tempfile.TemporaryDirectory() as folder:
        write_requests(Path(folder) / "requests.xlsx")
        subprocess.run([sys.executable, "-m", "headstart", *FIT], cwd=folder, check=True)
        photograph(Path(folder) / "my-model.report.html", HERE / "report.png")


def write_requests(path: Path) -> None:
    """Write all rows of the built-in task `demo_requests` as a spreadsheet."""
    book = Workbook()
    book.active.append(["request", "topic"])
    for split in ("train", "validation"):
        for text, label in request_rows(split):
            book.active.append([text, REQUESTS[label]])
    book.save(path)


def photograph(page: Path, picture: Path) -> None:
    """Save the first screen of a page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1000, "height": 900})
        view.goto(page.as_uri())
        view.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main()
