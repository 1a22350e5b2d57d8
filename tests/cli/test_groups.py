from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from headstart.cli.groups import Only, grouped
from headstart.option import option, split_list


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    hue: int = option(10, "In degrees, beside `layers`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint(Colour):
    layers: int = option(1, "How many.")
    brushes: tuple[str, ...] = option(("flat",), "Which.", read=split_list)
    seen: int = 3


@pytest.fixture
def app() -> typer.Typer:
    def paint(
        what: Paint,
        wall: Annotated[str, typer.Argument()],
        wet: Annotated[bool, typer.Option()] = False,
    ) -> None:
        """Paint."""
        typer.echo(f"{wall} {what.hue} {what.layers} {wet} {what.brushes} {what.seen}")

    def draw(what: Annotated[Paint, Only(("hue",))]) -> None:
        """Draw."""
        typer.echo(f"{what.hue} {what.layers}")

    app = typer.Typer()
    app.command()(grouped(paint))
    app.command()(grouped(draw))
    return app


def test_fields_are_options_with_their_defaults(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["paint", "north"]).stdout == "north 10 1 False ('flat',) 3\n"
    call = ["paint", "north", "--layers", "3", "--hue", "5", "--wet", "--brushes", "round,flat"]
    assert CliRunner().invoke(app, call).stdout == "north 5 3 True ('round', 'flat') 3\n"


def test_help_lists_the_fields_and_names_their_flags(app: typer.Typer) -> None:
    text = CliRunner().invoke(app, ["paint", "--help"]).stdout
    assert "In degrees, beside --layers." in text
    assert "--layers" in text
    assert "--what" not in text
    assert "--seen" not in text


def test_a_verb_may_offer_only_some_fields(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["draw", "--hue", "4"]).stdout == "4 1\n"
    assert CliRunner().invoke(app, ["draw", "--layers", "4"]).exit_code == 2
