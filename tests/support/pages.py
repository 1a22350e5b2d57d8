"""Pages as texts."""

from __future__ import annotations

import tempfile
from pathlib import Path

from headstart.comparison.report import Report
from headstart.reports.html import write_html


def render_html(report: Report) -> str:
    """Return a report's page."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        write_html(report, page)
        return page.read_text(encoding="utf-8")
