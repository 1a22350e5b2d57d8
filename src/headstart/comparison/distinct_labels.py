"""What cells are called: the strategy's label, told apart from its namesakes in the same task by what differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from headstart.comparison.cells import Cell
from headstart.comparison.comparability import setting_differences
from headstart.comparison.formats import plural
from headstart.comparison.frame import Frame


def distinct_labels(frame: Frame) -> dict[str, str]:
    """Return every experiment's label.

    It shows the values of declared axes. Namesakes are told apart by privacy, steps, split, rates and the settings that
    differ among them, else by the digest.
    """
    labels = {cell.experiment_digest: " ".join((cell.first.label, *map(str, cell.axes))) for cell in frame.cells}
    for describe in (_privacy, _steps, _split, _rates, _settings, _digest):
        namesakes: defaultdict[tuple[object, str], list[Cell]] = defaultdict(list)
        for cell in frame.cells:
            namesakes[cell.question, labels[cell.experiment_digest]].append(cell)
        for (_, label), cells in namesakes.items():
            if len(cells) > 1 and len(set(described := describe(cells))) > 1:
                told = {cell.experiment_digest: text for cell, text in zip(cells, described, strict=True)}
                labels.update({digest: f"{label}, {text}" for digest, text in told.items() if text})
    return labels


def _privacy(cells: Sequence[Cell]) -> list[str]:
    budgets = [cell.first.privacy for cell in cells]
    return ["not private" if budget is None else f"epsilon {budget.epsilon:.3g}" for budget in budgets]


def _steps(cells: Sequence[Cell]) -> list[str]:
    return [plural(cell.first.num_steps, "step") for cell in cells]


def _split(cells: Sequence[Cell]) -> list[str]:
    return [" + ".join(str(stage.num_steps) for stage in cell.first.stages) + " steps" for cell in cells]


def _rates(cells: Sequence[Cell]) -> list[str]:
    rates = [cell.first.learning_rates.values() for cell in cells]
    return ["rates " + " then ".join(f"{rate:g}" for rate in each) for each in rates]


def _settings(cells: Sequence[Cell]) -> list[str]:
    """Describe each by all that any two of them differ in."""
    settings = [cell.setting for cell in cells]
    first = next(filter(None, settings), None)
    found = [setting_differences(each, first) if each and first else () for each in settings]
    names = dict.fromkeys(difference.name for differences in found for difference in differences)
    usual = {difference.name: difference.theirs for differences in found for difference in differences}
    own = [{difference.name: difference.ours for difference in differences} for differences in found]
    return [
        " ".join(f"{name}={values.get(name, usual[name])}" for name in names) if setting else "setting not recorded"
        for setting, values in zip(settings, own, strict=True)
    ]


def _digest(cells: Sequence[Cell]) -> list[str]:
    return [cell.experiment_digest[:8] for cell in cells]
