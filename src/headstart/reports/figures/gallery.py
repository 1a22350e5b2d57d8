"""All figures of a report, for its page and for files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from headstart.comparison.cells import Cell
from headstart.comparison.comparison_table import ComparisonGroup
from headstart.comparison.curves import learning_curve
from headstart.comparison.measurements import diagnostics_of, values_of
from headstart.comparison.report import Report
from headstart.reports.figures.best_of import best_of_figure
from headstart.reports.figures.calibration import calibration_figure, reliability_curve
from headstart.reports.figures.cost import cost_figure
from headstart.reports.figures.drawing import Figure, Series, slug
from headstart.reports.figures.forest import forest_limit, forest_of_strategies, forest_of_tasks
from headstart.reports.figures.layer_distances import LayerLine, layers_figure, mean_distances
from headstart.reports.figures.learning import learning_figure
from headstart.reports.figures.rows import MeasuredRow, Quantity, measured_figure
from headstart.reports.figures.series import SeriesNumbers, series_numbers
from headstart.reports.figures.slope import slope_figure

FEATURE_CHANGE = Quantity(
    title="Feature change",
    axis="distance of a sequence's feature from the pretrained one",
    caption="How far the features that the head reads moved in all: the mean over a fixed sample of training rows.",
)
Cells = Mapping[tuple[str, str], Cell]
"""A report's cells by their keys."""


def all_figures(report: Report) -> tuple[Figure, ...]:
    """Return every figure of a report, in the page's order."""
    groups = report.table.groups
    series = series_numbers(groups)
    figures = list(overview_figures(report, series))
    for number, group in enumerate(groups, start=1):
        figures += task_figures(number, group, report, series)
    return tuple(figures)


def overview_figures(report: Report, series: SeriesNumbers) -> tuple[Figure, ...]:
    """Return the forest plots: one task's strategies, with several tasks each strategy's, and joint gain, by model."""
    table, gains = report.table, report.evidence.gains
    if len(table.groups) == 1:
        figure = forest_of_strategies("forest", table.groups[0], series)
        return (figure,) if figure else ()
    limit = forest_limit([row.difference for row in table.rows if row.difference is not None])
    pooled = {(joint.label, joint.model): joint.gain for joint in gains}
    figures: list[Figure] = []
    for label, number in series.items():
        pairs = [(group, row) for group in table.groups for row in group.rows if row.label == label]
        models = dict.fromkeys(group.model for group, _ in pairs)
        for model in models:
            figure = forest_of_tasks(
                f"forest-{len(figures) + 1}-{slug(label)}",
                f"{label}, {model}" if len(models) > 1 else label,
                [(group, row) for group, row in pairs if group.model == model],
                number,
                pooled.get((label, model)),
                limit,
            )
            figures += [figure] if figure else []
    return tuple(figures)


def task_figures(number: int, group: ComparisonGroup, report: Report, series: SeriesNumbers) -> tuple[Figure, ...]:
    """Return the figures of one task that its runs allow; its number in the report makes their names unique."""
    cells, store = report.cells, report.store
    own = {row.experiment_digest: cells[row.key] for row in group.rows}
    found = {digest: learning_curve(store, cell, report.damaged) for digest, cell in own.items() if store}
    curves = {digest: curve for digest, curve in found.items() if curve is not None}
    seconds = {digest: {run.seed: run.seconds for run in cell.finished} for digest, cell in own.items()}
    ending = f"{number}-{slug(group.task)}".strip("-")
    figures = (
        slope_figure(f"slope-{ending}", group, series),
        cost_figure(f"cost-{ending}", group, seconds, series),
        learning_figure(f"learning-{ending}", group, curves, series),
        best_of_figure(f"best-{ending}", group, series),
        *_measured_figures(ending, group, cells, series),
    )
    return tuple(figure for figure in figures if figure is not None)


def _measured_figures(
    ending: str, group: ComparisonGroup, cells: Cells, series: SeriesNumbers
) -> Iterator[Figure | None]:
    """Draw what the last stages measured, where they did."""
    legend = {row.key: Series(number=series[row.label], label=row.label) for row in group.rows}
    changes = {key: values_of(cells[key], lambda d: d.feature_change_mean) for key in legend}
    rows = [MeasuredRow(series=legend[key], values=values) for key, values in changes.items() if values]
    yield measured_figure(f"features-{ending}", FEATURE_CHANGE, rows)
    layers, curves = [], []
    for key, each in legend.items():
        stages = [diagnostics for _, diagnostics in diagnostics_of(cells[key])]
        if distances := mean_distances([stage.layer_distances for stage in stages]):
            layers.append(LayerLine(series=each, distances=distances))
        if runs := [stage.calibration for stage in stages if stage.calibration is not None and stage.calibration.bins]:
            scaled = [stage.calibration_scaled for stage in stages if stage.calibration_scaled is not None]
            curves.append(reliability_curve(each, runs, scaled))
    yield layers_figure(f"layers-{ending}", layers)
    yield calibration_figure(f"calibration-{ending}", curves)
