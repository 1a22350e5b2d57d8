"""Figures as files for a paper: SVG with their styles inside, and PDF."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from headstart.atomic_files import output_path
from headstart.comparison.report import Report
from headstart.errors import UsageError
from headstart.reports.figures.drawing import Element, Figure, Series, element, group, marker, path, text
from headstart.reports.figures.gallery import all_figures

TEMPLATES = Path(__file__).parents[1] / "templates"
LINE_HEIGHT, GAP, SWATCH_WIDTH, CHARACTER_WIDTH = 20.0, 22.0, 38.0, 6.7
"""Of the legend; a character's width is an estimate on the safe side for 12 units of a sans-serif."""
EXTRA = "figures"


def write_report_figures(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write every figure of a report to a folder; return the files.

    Raises:
        UsageError: if the library that writes PDF is missing.
    """
    return write_figures(all_figures(report), folder)


def write_figures(figures: Iterable[Figure], folder: Path) -> tuple[Path, ...]:
    """Write every figure as `<name>.svg` and `<name>.pdf`; equal figures give equal bytes with equal fonts.

    The folder is made if it is missing; figures of the same name are replaced.

    Raises:
        UsageError: if the library that writes PDF is missing. Then nothing is written.
    """
    convert = _pdf_converter()
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for figure in figures:
        svg = standalone_svg(figure)
        for suffix, content in ((".svg", svg.encode()), (".pdf", convert(svg))):
            target = folder / f"{figure.name}{suffix}"
            with output_path(target) as temporary:
                temporary.write_bytes(content)
            written.append(target)
    return tuple(written)


def standalone_svg(figure: Figure) -> str:
    """Return a figure as a file of its own: the page's drawing in its light colours, its legend below."""
    legend, height = _legend(figure.legend if len(figure.legend) > 1 else (), figure.width, figure.height)
    svg = element(
        "svg",
        element("title", figure.title),
        element("desc", figure.description),
        element("style", _styles()),
        *figure.elements,
        *legend,
        xmlns="http://www.w3.org/2000/svg",
        width=figure.width,
        height=height,
        viewBox=f"0 0 {figure.width:g} {height:g}",
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{svg.__html__()}\n'


def _legend(series: Iterable[Series], width: float, top: float) -> tuple[list[Element], float]:
    """Return the legend in as many lines as it takes, and where it ends."""
    parts, x, y = [], GAP, top + LINE_HEIGHT / 2
    for each in series:
        needed = SWATCH_WIDTH + CHARACTER_WIDTH * len(each.label)
        if x > GAP and x + needed > width:
            x, y = GAP, y + LINE_HEIGHT
        sign = [path(f"M{x:g},{y:g}h28", "line"), marker(each.number, x + 14, y, 4.0), text(each.label, x + 36, y + 4)]
        parts.append(group(sign, series=each.number))
        x += needed + GAP
    return parts, y + LINE_HEIGHT if parts else top


def _styles() -> str:
    """Return the figures' styles with the page's light colours put in: other programs know no variables."""
    page, figures = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", "figures.css"))
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", page.partition("@media")[0]))
    styles = re.sub(r"var\(--([\w-]+)\)", lambda match: colours[match[1]], figures)
    return re.sub(r"system-ui, [^;]+;", "Helvetica, Arial, sans-serif;", styles)


def _pdf_converter() -> Callable[[str], bytes]:
    """Return what turns SVG into PDF without the time of day in it."""
    try:
        import cairocffi
        from cairosvg.parser import Tree
        from cairosvg.surface import PDFSurface
    except (ImportError, OSError) as error:  # OSError: the package is there and the system's cairo is not
        raise UsageError(
            f"figures for a paper need cairosvg, which cannot be loaded: {error}",
            remedy=f"  pip install 'headstart[{EXTRA}]'; where cairo itself is missing, install it (libcairo2).",
        ) from error

    def convert(svg: str) -> bytes:
        content = io.BytesIO()
        surface = PDFSurface(Tree(bytestring=svg.encode()), content, 96)
        surface.cairo.set_metadata(cairocffi.PDF_METADATA_CREATE_DATE, "")
        surface.finish()
        return content.getvalue()

    return convert
