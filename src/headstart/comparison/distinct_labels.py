"""What cells are called: the strategy's label, told apart from its namesakes in the same task by what differs."""

from __future__ import annotations

from collections import defaultdict

from headstart.comparison.cells import Cell
from headstart.comparison.formats import plural
from headstart.comparison.frame import Frame


def distinct_labels(frame: Frame) -> dict[str, str]:
    """Return every experiment's label; namesakes are told apart by privacy, steps, split, rates, else the digest."""
    labels = {cell.experiment_digest: cell.first.label for cell in frame.cells}
    for describe in (_describe_privacy, _describe_steps, _describe_split, _describe_rates, _describe_digest):
        namesakes: defaultdict[tuple[object, str], list[Cell]] = defaultdict(list)
        for cell in frame.cells:
            namesakes[cell.question, labels[cell.experiment_digest]].append(cell)
        for (_, label), cells in namesakes.items():
            if len({describe(cell) for cell in cells}) > 1:
                labels.update({cell.experiment_digest: f"{label}, {describe(cell)}" for cell in cells})
    return labels


def _describe_privacy(cell: Cell) -> str:
    return "not private" if cell.first.privacy is None else f"epsilon {cell.first.privacy.epsilon:.3g}"


def _describe_steps(cell: Cell) -> str:
    return plural(cell.first.num_steps, "step")


def _describe_split(cell: Cell) -> str:
    return " + ".join(str(stage.num_steps) for stage in cell.first.stages) + " steps"


def _describe_rates(cell: Cell) -> str:
    return "rates " + " then ".join(f"{rate:g}" for rate in cell.first.learning_rates.values())


def _describe_digest(cell: Cell) -> str:
    return cell.experiment_digest[:8]


def namesake_identity(frame: Frame, question: tuple[str, ...]) -> str:
    """Return what tells a task from its namesakes with other rows or weights; "" if it has none."""
    namesakes = {cell.question for cell in frame.cells if cell.question[:4] == question[:4]}
    return f" ({question[4] or 'rows not recorded'})" if len(namesakes) > 1 else ""
