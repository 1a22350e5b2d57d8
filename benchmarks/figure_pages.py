"""A benchmark's page: sentences, figures and tables in one self-contained HTML file, in the look of reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.atomic_files import write_text
from headstart.reports.figures.drawing import DataTable, Figure, swatch
from headstart.reports.html import environment

TEMPLATE = """\
{% import "figures.html.j2" as figures %}
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<style>
{% include "style.css" %}
{% include "figures.css" %}
</style>
</head>
<body>
<header>
<p class="brand">headstart benchmarks</p>
<h1>{{ title }}</h1>
</header>
<main>
{% for section in sections %}
<section>
<h2>{{ section.title }}</h2>
{% for paragraph in section.paragraphs %}
<p>{{ paragraph }}</p>
{% endfor %}
{% if section.figures %}
<div class="figures">
{% for figure in section.figures %}
{{ figures.show(figure, swatch, section.title) }}
{% endfor %}
</div>
{% endif %}
{% if section.table %}
<div class="scroll" role="region" aria-label="{{ section.title }}" tabindex="0">
{{ figures.numbers(section.table, "plain") }}
</div>
{% endif %}
</section>
{% endfor %}
</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a page."""

    title: str
    paragraphs: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    table: DataTable | None = None


def write_figure_page(path: Path, title: str, sections: Sequence[Section]) -> None:
    """Write the page, whole or not at all; everything in it is escaped."""
    write_text(path, environment().from_string(TEMPLATE).render(title=title, sections=sections, swatch=swatch))


def as_markdown(table: DataTable) -> str:
    """Return a table as Markdown."""
    rows = (table.headings, tuple("---" for _ in table.headings), *table.rows)
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in rows)
