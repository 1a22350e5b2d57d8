"""`headstart plan`: how many paired seeds a comparison needs, given the spread that a store has seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import options
from headstart.cli.output import print_json
from headstart.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from headstart.comparison.planning import Plan


def plan(
    store: Annotated[Path, typer.Argument(help=options.STORE_HELP)] = Path("runs"),
    difference: Annotated[
        float, typer.Option("--difference", "-d", help="A difference worth showing, in points of the task's metric.")
    ] = 1.0,
    as_json: options.AsJson = False,
) -> None:
    """Say how many paired seeds would show a difference, and which difference 6, 10, 20, ... seeds can show.

    For every task and strategy, from the spread of the paired differences so far: with 80 % power they bring a verdict
    that holds after Holm's correction over all comparisons of the store.

    [bold]Example[/]: headstart plan runs --difference 0.5
    """
    from headstart.cli.console import TextConsole
    from headstart.store.local import existing_store

    existing_store(store)  # Before the numbers' packages are imported.
    from headstart.comparison.frame import frame_to_report
    from headstart.comparison.planning import plan_json, plan_seeds

    if not 0 < difference <= 100:
        raise UsageError(
            f"`difference` was given as {difference:g}",
            allowed="  Points are from above 0 to 100: 1.0 is a point of accuracy.",
        )
    planned = plan_seeds(frame_to_report(store), difference / 100)
    if as_json:
        print_json(plan_json(planned))
        return
    console = TextConsole(highlight=False)
    for task in dict.fromkeys(row.task for row in planned.rows):
        console.print(_table(planned, task))
        console.print()
    for task, label, why in planned.left_out:
        console.print(f"Left out: {task}, {label}: {why}", markup=False)
    console.print(
        f"By 6, by 10, ...: the smallest difference, in points, for which so many paired seeds (folds, where seeds go "
        f"through folds) bring a verdict with {planned.power:.0%} power: the t interval and the sign-flip test at "
        f"{planned.level:.0%}{_corrected(planned)}. A spread from few pairs is itself uncertain: the seeds in brackets "
        "are for the ends of its 80 % interval.",
        markup=False,
    )


def _table(planned: Plan, task: str) -> Table:
    from headstart.cli.console import shown
    from headstart.cli.printing import numbers_table
    from headstart.comparison.formats import points
    from headstart.comparison.planning import NUMBERS_OF_PAIRS

    numbers = ("pairs", "sd", *(f"by {number}" for number in NUMBERS_OF_PAIRS))
    table = numbers_table(task, "strategy", numbers)
    table.add_column(f"seeds for {points(planned.difference)}", justify="right")
    for row in planned.rows:
        if row.task == task:
            smallest = [points(size) for _, size in row.smallest]
            needed = f"{_count(row.needed)} [{_count(row.needed_if_narrow)}, {_count(row.needed_if_wide)}]"
            cells = [row.label, str(row.num_pairs), points(row.standard_deviation), *smallest, needed]
            table.add_row(*map(shown, cells))
    return table


def _corrected(planned: Plan) -> str:
    """Say that a verdict has to hold for all comparisons together, and from how many seeds on it can."""
    if planned.num_comparisons == 1:
        return ""
    over = f"{planned.num_comparisons} comparisons"
    return f", after Holm's correction over {over}, which needs {planned.fewest_pairs} seeds or more"


def _count(number: int | None) -> str:
    return "over a million" if number is None else f"{number:,}"
