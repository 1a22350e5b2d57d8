"""The report as one self-contained HTML page: no network, and no clock, so one store gives one page.

The page is whole without its script, which only adds sorting, filtering and values on hover. A content security policy
names the script by its hash, so nothing else can run, whatever a store holds.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from headstart.atomic_files import output_path
from headstart.comparison.report import Report
from headstart.reports.figures.drawing import swatch
from headstart.reports.page import build_page
from headstart.shown_text import on_a_page

TEMPLATES = Path(__file__).parent / "templates"


def write_html(report: Report, out: Path) -> None:
    """Write a report's page to `out`, whole or not at all; equal for equal stores of one name.

    A page that is there is replaced.
    """
    with output_path(out) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_parts(report))


def _parts(report: Report) -> Iterator[str]:
    """Yield the page from its beginning to its end."""
    script = "\n" + (TEMPLATES / "report.js").read_text(encoding="utf-8")
    return (
        environment()
        .get_template("report.html.j2")
        .generate(
            page=build_page(report),
            swatch=swatch,
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def environment() -> Environment:
    """Return the template environment: all that is written is escaped and seen, and a missing name is an error."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _seen(value: Any) -> Any:
    """Return what is written of a value; markup of ours stays as it is."""
    return on_a_page(value) if type(value) is str else value
