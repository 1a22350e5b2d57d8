"""The report of a fit as one self-contained HTML page: no network and no clock, so the same facts give one page."""

from __future__ import annotations

from pathlib import Path

from headstart.reports.fit.facts import FitFacts
from headstart.store.layout import write_text


def write_fit_report(facts: FitFacts, path: Path) -> None:
    """Write the page to `path`, whole or not at all; a page that is there is replaced."""
    write_text(path, render_fit_report(facts))


def render_fit_report(facts: FitFacts) -> str:
    """Return the page; equal for equal facts."""
    raise NotImplementedError
