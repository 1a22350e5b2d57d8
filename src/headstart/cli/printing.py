"""How values of the library read in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Column, Table

from headstart.cli.console import TextConsole, shown
from headstart.cli.flags import in_flags
from headstart.errors import shortened
from headstart.shown_text import as_name

if TYPE_CHECKING:
    from headstart.inspection.data import ClassCount, DataReport
    from headstart.inspection.doctor import AdapterReport, ModelReport, TensorReport

NUM_CLASSES = 20
"""Classes of either end that are listed, where there are more than twice as many."""
BAR_WIDTH = 24
"""Characters of the longest bar."""


def list_table(first: str, *others: str) -> Table:
    """Return a table without lines: `first` heads names that stand whole, long values of `others` take more lines."""
    return Table(Column(first, no_wrap=True), *(Column(name, overflow="fold") for name in others), box=None)


def print_model_report(report: ModelReport, console: Console | None = None) -> None:
    """Print what a model is made of; without a console to standard output."""
    console = console or TextConsole(highlight=False)
    for table in (_facts(report), _head(report), _adapters(report)):
        console.print(table)
        console.print()


def print_data_report(report: DataReport) -> None:
    """Print what a task's rows are like."""
    console = TextConsole(highlight=False)
    classes = f" into {len(report.classes)} classes" if report.classes else ""
    columns = ", ".join((*report.text_columns, *report.choice_columns))
    console.print(f"{report.task}: {report.kind}{classes}; {columns} -> {report.label_column}", markup=False)
    for note in report.notes:
        console.print(Padding(shown(in_flags(note)), (0, 0, 0, 2), expand=False))
    console.print()
    tables = [_splits(report)]
    if any(split.lengths for split in report.splits):
        tables.append(_tokens(report))
    if report.classes:
        tables.append(_classes(report))
    if report.conflicts:
        tables.append(_conflicts(report))
    for table in tables:
        console.print(table)
        console.print()
    for split in report.splits:
        for note in split.token_notes:
            console.print(f"{split.name}: {in_flags(note)}", markup=False)
    if report.imbalance is not None:
        console.print(f"most frequent class over rarest, in training: {report.imbalance:.1f}")
    if report.num_unlabelled:
        console.print(f"{report.num_unlabelled} training rows have no class")


def _splits(report: DataReport) -> Table:
    table = numbers_table("Splits", "split", ("rows", "repeats", "in training too", "under 3 characters"))
    for split in report.splits:
        leaks, short = ("" if each is None else f"{each:,}" for each in (split.num_leaks, split.num_short))
        table.add_row(split.name, f"{split.num_rows:,}", f"{split.num_repeated:,}", leaks, short)
    return table


def _tokens(report: DataReport) -> Table:
    measured = [(split, split.lengths) for split in report.splits if split.lengths is not None]
    limits = measured[0][1].cut_at
    columns = ("median", "99 %", "longest", *(f"over {limit}" for limit in limits), "unknown")
    table = numbers_table(f"Tokens of {report.model}", "split", columns)
    for split, lengths in measured:
        spread = lengths.quantiles
        shares = [f"{count / split.num_rows:.1%}" for count in lengths.cut_at.values()]
        shares.append(f"{split.unknown.share:.1%}" if split.unknown is not None else "")
        table.add_row(split.name, f"{spread.median:g}", f"{spread.p99:g}", f"{spread.maximum:g}", *shares)
    return table


def numbers_table(title: str, first: str, columns: Iterable[str]) -> Table:
    """Return a table of numbers by name, without lines; `first` heads the names."""
    table = _table(escape(title), first)
    for name in columns:
        table.add_column(escape(name), justify="right", no_wrap=True)
    return table


def _classes(report: DataReport) -> Table:
    names = [split.name for split in report.splits]
    shown, title = _shown_classes(report, names[0])
    table = numbers_table(title, "class", names)
    table.add_column("", no_wrap=True)
    most = max((each.counts.get(names[0], 0) for each in report.classes), default=0)
    for each in shown:
        bar = "\N{FULL BLOCK}" * round(BAR_WIDTH * each.counts.get(names[0], 0) / max(1, most))
        table.add_row(escape(as_name(each.name)), *(f"{each.counts.get(name, 0):,}" for name in names), bar)
    return table


def _shown_classes(report: DataReport, split: str) -> tuple[Sequence[ClassCount], str]:
    """Return the classes that are listed, and the title: all of a few; of many the largest and the smallest."""
    if len(report.classes) <= 2 * NUM_CLASSES:
        return report.classes, "Classes"
    by_size = sorted(report.classes, key=lambda each: -each.counts.get(split, 0))
    title = f"The {NUM_CLASSES} largest and the {NUM_CLASSES} smallest of {len(report.classes):,} classes"
    return [*by_size[:NUM_CLASSES], *by_size[-NUM_CLASSES:]], title


def _conflicts(report: DataReport) -> Table:
    """Return the texts that training rows give different labels."""
    table = _table("Texts with several labels, those of the most rows", "text")
    table.add_column("rows by label", overflow="fold")
    for conflict in report.conflicts:
        labels = ", ".join(f"{as_name(name)} {count:,}" for name, count in conflict.labels.items())
        table.add_row(escape(shortened(" | ".join(conflict.texts))), escape(labels))
    return table


def _facts(report: ModelReport) -> Table:
    facts = Table.grid(Column(), Column(overflow="fold"), padding=(0, 2))
    rows = {
        "model": report.model,
        "revision": report.revision,
        "architecture": f"{report.architecture}, trained as {report.model_class}",
        "checkpoint": ", ".join(f"{number:,} scalars in {dtype}" for dtype, number in report.dtypes),
        **_reads(report),
        "backbone": f"{report.num_backbone_parameters:,} scalars",
        "head": f"{report.num_head_parameters:,} scalars for {len(report.labels)} classes",
    }
    for name, value in (*rows.items(), *(("note", note) for note in report.notes)):
        facts.add_row(f"[bold]{name}[/]", escape(value))
    return facts


def _reads(report: ModelReport) -> dict[str, str]:
    if report.modality.is_file:
        return {"reads": f"{report.modality.thing}s (--modality {report.modality}), by its own head alone"}
    return {"longest input": f"{report.longest_input} tokens", "vector": _vector(report)}


def _vector(report: ModelReport) -> str:
    """Say which vector of a text heads of ours read by default, and who says so."""
    said = f"pooling={report.pooling}, as the {'checkpoint' if report.pooling_is_said else 'architecture'} has it"
    follows = f"; what follows it there is left out: {', '.join(report.after_pooling)}" if report.after_pooling else ""
    return said + follows


def _head(report: ModelReport) -> Table:
    table = _table("Head: drawn afresh before training", "tensor", "shape", "origin")
    table.add_column("scalars", justify="right")
    shapes = {mismatch.name: mismatch.checkpoint_shape for mismatch in report.mismatched}
    for tensor in report.head:
        origin = _origin(tensor, shapes, report.new_tensors)
        table.add_row(escape(tensor.name), _shape(tensor.shape), origin, f"{tensor.num_parameters:,}")
    return table


def _origin(tensor: TensorReport, shapes: dict[str, tuple[int, ...]], new_tensors: tuple[str, ...]) -> str:
    if tensor.name in shapes:
        return f"the checkpoint's is {_shape(shapes[tensor.name])}"
    return "not in the checkpoint" if tensor.name in new_tensors else "in the checkpoint, not used"


def _adapters(report: ModelReport) -> Table:
    table = _table("Adapters with their default options", "adapter", "works")
    table.add_column("scalars", justify="right")
    table.add_column("note", overflow="fold")
    for adapter in report.adapters:
        works = "[green]yes[/]" if adapter.refusal is None else "[red]no[/]"
        scalars = f"{adapter.num_parameters:,}" if adapter.num_parameters else "-"
        table.add_row(adapter.name, works, scalars, escape(_note(adapter, report.num_backbone_parameters)))
    return table


def _note(adapter: AdapterReport, num_backbone_parameters: int) -> str:
    if adapter.refusal is not None:
        return adapter.refusal
    share = (
        f"{adapter.num_parameters / num_backbone_parameters:.2%} of the backbone; " if adapter.num_parameters else ""
    )
    kept = "merges into the weights" if adapter.merges else "is saved beside the weights"
    return f"{share}{kept}{'' if adapter.is_proven else '; not tested on this architecture'}"


def _table(title: str, *columns: str) -> Table:
    folding = [Column(name, overflow="fold") for name in columns]
    return Table(*folding, title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "scalar"
