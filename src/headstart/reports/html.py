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

from headstart.reports.figures.drawing import swatch
from headstart.reports.frame import frame_to_report
from headstart.reports.page import build_page
from headstart.store.layout import atomic_path
from headstart.store.local import LocalStore

TEMPLATES = Path(__file__).parent / "templates"


def write_html(
    store_path: Path, out: Path, digests: Collection[str] | None = None, *, equal_compute: bool = False
) -> None:
    """Write the report of a store to `out`, whole or not at all.

    Args:
        store_path: the store's folder.
        out: the page; replaced if it is there.
        digests: the experiments to show; all by default.
        equal_compute: compare with fine-tuning at EH-FT's compute.

    Raises:
        UsageError: if there is no store, or it holds no run to report.
    """
    page = render_html(store_path, digests, equal_compute=equal_compute)
    with atomic_path(out) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def render_html(store_path: Path, digests: Collection[str] | None = None, *, equal_compute: bool = False) -> str:
    """Return the page; equal for equal stores of one name.

    Raises:
        UsageError: if there is no store, or it holds no run to report.
    """
    frame = frame_to_report(store_path, digests, equal_compute=equal_compute)
    script = "\n" + (TEMPLATES / "report.js").read_text(encoding="utf-8")
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            page=build_page(LocalStore(store_path), frame),
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
