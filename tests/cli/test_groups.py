from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

import headstart
from headstart.cli.groups import Only, grouped
from headstart.cli.main import app as face
from headstart.cli.usual import USUAL
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


@pytest.mark.parametrize("verb", USUAL)
def test_short_help_names_the_usual_options_and_help_all_every_one(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    command = typer.main.get_command(face).commands[verb]  # type: ignore[attr-defined]  # a group
    every = {each.opts[0] for each in command.params if each.param_type_name == "option"}
    short = CliRunner().invoke(face, [verb, "--help"]).stdout
    whole = CliRunner().invoke(face, [verb, "--help-all"]).stdout
    listed = {flag for flag in every if re.search(rf"{flag}\b(?!-)", whole)}
    assert listed == every
    usual = {each.opts[0] for each in command.params if each.name in (*USUAL[verb], "help_all")}
    assert {flag for flag in every if re.search(rf"^│ (?:\* )? {{0,3}}{flag}[ ,]", short, re.MULTILINE)} == usual
    assert f"{len(every) - len(usual)} more options" in short


def test_the_short_help_of_fit_has_twelve_options_which_all_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {each.name for each in typer.main.get_command(face).commands["fit"].params}  # type: ignore[attr-defined]
    monkeypatch.setenv("COLUMNS", "80")
    assert "…" not in CliRunner().invoke(face, ["fit", "--help"]).stdout
    assert len(USUAL["fit"]) == 12
    assert set(USUAL["fit"]) <= fields


def test_defaults_that_depend_on_the_data_stand_in_the_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    whole = CliRunner().invoke(face, ["fit", "--help-all"]).stdout
    assert "(Default: 20, held between 500 and 5,000 updates, and never under 3;" in whole
    assert "(Default: 16; the paper's presets: 32.)" in whole
    assert "the preset's" not in whole.replace("the preset's number", "").replace("(Default: the preset's.) ", "")


def test_the_version_is_said() -> None:
    assert CliRunner().invoke(face, ["--version"]).stdout == f"headstart {headstart.__version__}\n"


def test_a_verb_may_offer_only_some_fields(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["draw", "--hue", "4"]).stdout == "4 1\n"
    assert CliRunner().invoke(app, ["draw", "--layers", "4"]).exit_code == 2


def test_an_option_of_one_value_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    twice = CliRunner().invoke(face, ["fit", "reviews.csv", "--text", "title", "--text=body"])
    assert twice.exit_code == 2
    assert "Invalid value for '--text': it is given twice, and takes one value" in twice.output
    assert "No such option" in CliRunner().invoke(face, ["fit", "--txt", "a", "--txt", "b"]).output
