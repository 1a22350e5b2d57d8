"""A report as LaTeX tables for a paper, with booktabs' rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow
from headstart.comparison.formats import MINUS, NO_BREAK, NOTHING, PLUS_MINUS
from headstart.comparison.report import Report
from headstart.reports.renderings import cells_of

HEADINGS = ("strategy", "mean ± sd", "n", "difference", "95 % interval", "verdict")
_NO_CELLS = (NOTHING, "0", NOTHING, NOTHING)
"""Mean, runs, difference and interval of a strategy that fell out."""
_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}", "'": r"\textquotesingle{}",
    MINUS: "$-$", PLUS_MINUS: r"$\pm$", NOTHING: "--", NO_BREAK: "~", "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
}  # fmt: skip


def as_latex(report: Report) -> str:
    """Return a `table` for every task, to be set with the packages booktabs, textcomp and T1 fonts."""
    head = [r"% \usepackage[T1]{fontenc} \usepackage{textcomp,booktabs}"]
    tables = [_table(number, group) for number, group in enumerate(report.table.groups, start=1)]
    notes = [f"% {' '.join(note.split())}" for note in report.table.notes]
    return "\n".join([*head, *notes, "", *tables])


def escape(text: str) -> str:
    """Return text in which nothing means anything to LaTeX; line ends and control characters become spaces."""
    plain = "".join(each if each.isprintable() or each == NO_BREAK else " " for each in text)
    return "".join(_ESCAPES.get(each, each) for each in plain)


def tabular(caption: str, label: str, columns: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a `table` with booktabs' rules; cells are escaped here, the caption is LaTeX already."""
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\label{{{label}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            _line(headings),
            r"\midrule",
            *map(_line, rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _table(number: int, group: ComparisonGroup) -> str:
    rows = [*map(_cells, group.rows), *([each.label, *_NO_CELLS, each.finding] for each in group.left_out)]
    caption = escape(f"{group.title}, {group.model}. {group.caption}")
    return tabular(caption, f"tab:headstart-{number}", "lrrrrl", HEADINGS, rows)


def _cells(row: ComparisonRow) -> list[str]:
    label, mean, runs, _, difference, interval, *_ = cells_of(row)
    return [label, mean, runs, difference, interval, row.finding or (row.words[:1] or ("",))[0]]


def _line(cells: Sequence[str]) -> str:
    """Return a line of cells, escaped; in braces, the line break before them takes no character for its option."""
    return "{" + "} & {".join(map(escape, cells)) + r"} \\"
