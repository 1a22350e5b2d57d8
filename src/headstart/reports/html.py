"""The report as one self-contained HTML page: no network, and no clock, so one store gives one page.

The page is whole without its script, which only adds sorting, filtering and values on hover. A content security policy
names the script by its hash, so nothing else can run, whatever a store holds.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from headstart.comparison.frame import frame_to_report
from headstart.comparison.report import build_report
from headstart.reports.figures.drawing import swatch
from headstart.reports.page import build_page
from headstart.store.layout import write_text
from headstart.store.local import LocalStore

TEMPLATES = Path(__file__).parent / "templates"


def write_html(
    store_path: Path, out: Path, digests: Collection[str] | None = None, *, equal_compute: bool = False
) -> None:
    """Write the page of `render_html` to `out`, whole or not at all; a page that is there is replaced.

    Raises:
        UsageError: as `render_html` does.
    """
    write_text(out, render_html(store_path, digests, equal_compute=equal_compute))


def render_html(store_path: Path, digests: Collection[str] | None = None, *, equal_compute: bool = False) -> str:
    """Return the page; equal for equal stores of one name.

    Args:
        store_path: the store's folder.
        digests: the experiments to show; all by default.
        equal_compute: compare with fine-tuning at EH-FT's compute.

    Raises:
        UsageError: if the store does not exist, or holds nothing to report.
    """
    frame = frame_to_report(store_path, digests, equal_compute=equal_compute)
    store = LocalStore(store_path)
    script = "\n" + (TEMPLATES / "report.js").read_text(encoding="utf-8")
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            page=build_page(build_report(frame, store), frame, store),
            swatch=swatch,
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def environment() -> Environment:
    """Return the template environment: everything that is written is escaped, and a missing name is an error."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
