from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from headstart.cli.groups import grouped


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    hue: Annotated[int, typer.Option(help="In degrees.")] = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint(Colour):
    layers: Annotated[int, typer.Option(help="How many.")] = 1


@pytest.fixture
def app() -> typer.Typer:
    def paint(
        what: Paint, wall: Annotated[str, typer.Argument()], wet: Annotated[bool, typer.Option()] = False
    ) -> None:
        """Paint."""
        typer.echo(f"{wall} {what.hue} {what.layers} {wet}")

    app = typer.Typer()
    app.command()(grouped(paint))
    return app


def test_fields_are_options_with_their_defaults(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["north"]).stdout == "north 10 1 False\n"
    assert CliRunner().invoke(app, ["north", "--layers", "3", "--hue", "5", "--wet"]).stdout == "north 5 3 True\n"


def test_help_lists_the_fields(app: typer.Typer) -> None:
    text = CliRunner().invoke(app, ["--help"]).stdout
    assert "In degrees." in text
    assert "--layers" in text
    assert "--what" not in text
