"""The report of a fit as one self-contained HTML page: no script, no network, no clock: equal facts give one page."""

from __future__ import annotations

from pathlib import Path

from headstart.atomic_files import write_output
from headstart.comparison.formats import plural, points
from headstart.reports.figures.drawing import swatch
from headstart.reports.fit.facts import FitFacts
from headstart.reports.fit.page import MOST_CLASSES, build_fit_page
from headstart.reports.fit.words import sentence
from headstart.reports.html import environment


def write_fit_report(facts: FitFacts, path: Path) -> None:
    """Write the page to `path`, whole or not at all; a page that is there is replaced."""
    write_output(path, render_fit_report(facts))


def render_fit_report(facts: FitFacts) -> str:
    """Return the page; equal for equal facts."""
    template = environment().get_template("fit.html.j2")
    return template.render(
        page=build_fit_page(facts),
        facts=facts,
        most_classes=MOST_CLASSES,
        swatch=swatch,
        plural=plural,
        points=points,
        sentence=sentence,
    )
