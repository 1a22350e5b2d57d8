"""Messages name fields below the command line, and flags on it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer.main

from headstart.cli.flags import FIELD, error_in_flags, flags_of, in_flags
from headstart.cli.main import app
from headstart.estimators.estimators import HeadstartClassifier
from headstart.experiments.options import MethodOptions, ModelOptions, TaskOptions, TrainingOptions
from headstart.option import MEANING, options_of
from headstart.pretraining.pretrain_head import pretrain_head
from headstart.tables.file_options import FileOptions
from tests.support.paths import REPOSITORY

Cli = Callable[..., tuple[int, str, str]]
VERBS = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group
FLAGS = {name: flags_of(verb) for name, verb in VERBS.items()}
SOURCE = REPOSITORY / "src" / "headstart"


def test_fields_become_the_flags_of_the_verb() -> None:
    message = "`stride` would have no effect: give `long`, `adapter` and `file`; `headstart runs` and `nobody` say more"
    said = "--stride would have no effect: give --long, --adapter and FILE; `headstart runs` and `nobody` say more"
    assert in_flags(message, FLAGS["fit"]) == said
    assert in_flags("`adapter`, `learning_rate`, `json`", FLAGS["compare"]) == "--adapter, --learning-rate, --json"
    assert in_flags("`diagnostics` costs time", FLAGS["compare"]) == "--no-diagnostics costs time"
    assert in_flags("`diagnostics` costs time", FLAGS["fit"]) == "--diagnostics costs time"


@pytest.mark.parametrize("kind", [FileOptions, TaskOptions, ModelOptions, MethodOptions, TrainingOptions])
def test_every_option_has_its_flag_and_its_meaning(kind: type) -> None:
    for name, field in options_of(kind).items():
        assert FLAGS["compare"].get(name) or FLAGS["fit"].get(name), name
        assert field.metadata[MEANING].endswith((".", ".)")), name


def test_every_field_in_a_message_is_an_option_somewhere() -> None:
    known = {field for flags in FLAGS.values() for field in flags}
    known |= set(inspect.signature(pretrain_head).parameters)
    known |= set(inspect.signature(HeadstartClassifier.__init__).parameters)
    known |= {"first_fraction", "expected"}  # a part of `dp`, and of a recipe
    unknown = {
        f"{path.name}: {field}" for path, text in messages() for field in FIELD.findall(text) if field not in known
    }
    assert not unknown


def test_no_message_below_the_command_line_names_a_flag() -> None:
    """The card of a model is no message: it shows its reader commands."""
    flags = {flag for by_field in FLAGS.values() for flag in by_field.values() if flag.startswith("--")}
    found = {f"{path.name}: {flag}" for path, text in texts() for flag in flags if flag in text.split()}
    assert found <= {"model_card.py: --out"}


def texts() -> Iterator[tuple[Path, str]]:
    """Yield every text in the modules below the command line."""
    for path in sorted(SOURCE.rglob("*.py")):
        if "cli" not in path.relative_to(SOURCE).parts:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield path, node.value


def messages() -> Iterator[tuple[Path, str]]:
    """Yield the texts in calls that make an error of a person's mistake."""
    for path in sorted(SOURCE.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("UsageError", "DataFault", "DataError"):
                for node in ast.walk(call):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str):
                        yield path, node.value


def test_a_refusal_is_in_flags(cli: Cli) -> None:
    code, _, err = cli("fit", "rows.csv", "--stride", 5)
    assert code == 2
    assert err == "headstart: --stride would have no effect: it is for sliding windows\n  Give --long as window.\n"


def test_what_is_said_of_a_table_is_in_flags(cli: Cli, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("text,label\n" + "".join(f"row {number},{number / 4}\n" for number in range(12)))
    code, out, _ = cli("inspect", table)
    assert (code, FIELD.findall(out)) == (0, [])
    assert "--text 'text'" in out
    assert "--kind classification" in out


def test_rows_of_other_files_are_looked_for_first(cli: Cli, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("text,label\n" + "".join(f"row {number},{'ab'[number % 2]}\n" for number in range(12)))
    code, _, error = cli("fit", table, "--evaluate-on", tmp_path / "nowhere.csv", "--out", tmp_path / "model")
    assert code == 2
    assert "nowhere.csv: the file does not exist" in error


def test_the_error_of_a_run_is_in_flags_and_a_traceback_stays() -> None:
    assert error_in_flags("`max_length` was given as 2") == "--max-length was given as 2"
    traceback = "Traceback (most recent call last):\n  ValueError: `max_length`"
    assert error_in_flags(traceback) == traceback


def test_a_list_may_be_called_by_the_name_of_one() -> None:
    names = {name for parameter in VERBS["compare"].params for name in parameter.opts}
    for one in ("strategy", "adapter", "task", "learning-rate"):
        assert {f"--{one}", "--strategies" if one == "strategy" else f"--{one}s"} <= names
