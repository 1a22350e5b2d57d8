"""A verb of the command line: its `--help` shows the options that most people need, `--help-all` every one."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer
import typer.core

USUAL = {
    "fit": (
        "out", "text", "label", "kind", "validation", "split_column", "model", "strategy", "time_limit", "epochs",
        "batch_size", "max_length",
    ),
    "compare": (
        "store", "seeds", "jobs", "text", "label", "validation", "tasks", "model", "strategies", "adapters", "epochs",
        "batch_size", "learning_rates",
    ),
    "inspect": ("out", "text", "label", "kind", "validation", "split_column", "model", "max_length"),
    "predict": ("out", "top", "no_probabilities", "text", "delimiter", "sheet", "batch_size", "precision", "device"),
    "evaluate": ("text", "label", "split_column", "delimiter", "sheet", "task", "batch_size", "precision", "device"),
}  # fmt: skip
"""By verb; of a verb that is not named all options are shown. A name that is no option of the verb does nothing."""
WANTS_ALL = "headstart.help_all"


def _show_all(context: typer.Context, is_wanted: bool) -> None:
    if is_wanted:
        context.meta[WANTS_ALL] = True
        typer.echo(context.get_help(), nl=False)
        raise typer.Exit


HelpAll = Annotated[
    bool, typer.Option("--help-all", help="Show all options and exit.", is_eager=True, callback=_show_all)
]
"""The option of the verbs in `USUAL`."""


class Verb(typer.core.TyperCommand):
    """A verb with a short `--help` and a whole `--help-all`, which takes each option once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; an option whose first value another one would replace is refused."""
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for param, times in Counter(given).items():
            if times > 1 and isinstance(param, typer.core.TyperOption) and not (param.is_flag or param.multiple):
                raise typer.BadParameter("it is given twice, and takes one value", ctx=ctx, param=param)
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help: with all options where they were asked for, else with the usual ones."""
        left_out = [] if ctx.meta.get(WANTS_ALL) else self._left_out()
        for param in left_out:
            param.hidden = True
        if left_out:
            self.epilog = f"{len(left_out)} more options: [bold]{ctx.command_path} --help-all[/]"
        super().format_help(ctx, formatter)

    def _left_out(self) -> list[Any]:
        """Return the options that the short help does not show."""
        usual = USUAL.get(self.name or "")
        options = [param for param in self.params if param.param_type_name == "option"]
        return [] if usual is None else [each for each in options if each.name not in (*usual, "help_all")]
