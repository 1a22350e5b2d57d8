"""A stranger's store, model folder, recipe or table is data: nothing runs, leaves its folder, or is endless."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import SHORT, Made
from tests.support.commands import call
from tests.support.guard import Guard, snapshot
from tests.support.hostile_files import RECIPES, TABLES
from tests.support.hostile_models import MODELS
from tests.support.hostile_stores import STORES

SECONDS = 40.0
"""Of processor time that a call may take; `tests.support.guard.MEMORY` is what it may take of memory."""
MAY_ASK_THE_HUB = ("model of the hub", "adapter on the hub")
"""A base that is named may be looked for; the network is denied, and nothing may go wrong with that."""
STORE_VERBS = ("report", "page", "runs", "plan", "compare", "export", "verify store")
MODEL_VERBS = ("predict", "evaluate", "doctor", "inspect with", "verify model", "fit from")
TABLE_VERBS = ("fit", "inspect", "predict", "evaluate")


def call_of(verb: str, made: Made, table: Path) -> tuple[object, ...]:
    """Return the call of a verb on a stranger's store `s`, model folder `m`, recipe `recipe.yaml` or table."""
    return {
        "predict": ("predict", "m", table, "--out", "out.csv", "-q"),
        "evaluate": ("evaluate", "m", table, "-q"),
        "doctor": ("doctor", "m"),
        "inspect with": ("inspect", table, "--model", "m"),
        "verify model": ("verify", "m"),
        "fit from": ("fit", table, "--model", "m", "--out", "out", "--strategy", "finetune", *SHORT),
        "fit": ("fit", table, "--model", made.base, "--out", "out", "--strategy", "finetune", *SHORT),
        "inspect": ("inspect", table),
        "report": ("report", "s", "--format", "json"),
        "page": ("report", "s", "--out", "out.html"),
        "runs": ("runs", "s"),
        "plan": ("plan", "s"),
        "compare": made.compare,
        "export": ("export", "s", made.run, "--out", "out"),
        "verify store": ("verify", "s"),
        "recipe": ("compare", "recipe.yaml", "--model", made.base, "--store", "out", *SHORT),
    }[verb]


def harm(
    verb: str, made: Made, folder: Path, make: Callable[[Path, Path], Path | None], *, escapes: bool = True
) -> list[str]:
    """Make a stranger's file or folder, call a verb on it, and return all that must not be.

    Args:
        verb: which call.
        made: what a stranger's folder is a copy of.
        folder: for everything, new.
        make: makes it in the working directory; gets a folder beside that too, and returns the table, if it made one.
        escapes: whether control characters in what is said count.
    """
    work, outside, temporary = folder / "work", folder / "outside", folder / "temporary"
    for made_folder in (work, outside, temporary):
        made_folder.mkdir(parents=True)
    (outside / "secret.txt").write_text("secret")
    shutil.copytree(made.store, work / "s")
    shutil.copytree(made.model, work / "m")
    table = make(work, outside) or made.table
    before = snapshot(outside)
    guard = Guard((work, temporary, made.base.parent / "none"), folder / "alarms")
    outcome = call(
        call_of(verb, made, table),
        work,
        before=guard,
        cache=temporary / "cache",
        seconds=SECONDS,
        environment={"TMPDIR": str(temporary)},
    )
    found = (folder / "alarms").read_text().splitlines() if (folder / "alarms").exists() else ["never began"]
    if snapshot(outside) != before:
        found.append("something outside its folder changed")
    if any(path.name.endswith("-ran") or path.name == "executed" for path in folder.rglob("*")):
        found.append("its code was executed")
    if any(name in folder.parts[-2] for name in MAY_ASK_THE_HUB):
        found = [what for what in found if not what.startswith("network: ")]
    if outcome.code is None:
        found.append(f"did not end within {SECONDS} s of work")
    elif outcome.crashed:
        found.append(f"crashed: {outcome.said[-600:]}")
    elif outcome.code not in (0, 1, 2):
        found.append(f"ended with the code {outcome.code}: {outcome.said[-600:]}")
    elif outcome.code and not any(name in outcome.said for name in names_in(work, table)):
        found.append(f"says nothing of the file: {outcome.said[-600:]}")
    if escapes and any(sign in outcome.said for sign in ("\x1b]", "\x1b[31m<", "\x07")):
        found.append("control characters reach the terminal")
    if "<script>owned" in "".join(path.read_text() for path in work.glob("out*.html")):
        found.append("the page has its script")
    shutil.rmtree(folder)
    return found


def names_in(work: Path, table: Path) -> set[str]:
    """Return the names of a stranger's files, of which a refusal says one."""
    names = {path.name for path in work.rglob("*")} | {
        table.name,
        str(work),
        "'m'",
        "'s'",
        "model in m",
        "in s begins",
        "'stranger/model'",
        "no token that the model knows",
        "/dev/zero",
    }
    return names - {"s", "m", "out"}


def all_harm(verbs: tuple[str, ...], made: Made, folder: Path, make: Callable[[Path, Path], Path | None]) -> list[str]:
    return [f"{verb}: {what}" for verb in verbs for what in harm(verb, made, folder / verb, make)]


def a_store(name: str) -> Callable[[Path, Path], None]:
    return lambda work, outside: STORES[name](work / "s", outside)


def a_model(name: str) -> Callable[[Path, Path], None]:
    return lambda work, outside: MODELS[name](work / "m", outside)


def a_recipe(name: str) -> Callable[[Path, Path], None]:
    return lambda work, _: RECIPES[name](work / "recipe.yaml")


def a_table(name: str) -> Callable[[Path, Path], Path]:
    def make(work: Path, _: Path) -> Path:
        suffix, write = TABLES[name]
        write(work / f"table{suffix}")
        return work / f"table{suffix}"

    return make


@pytest.mark.faults
@pytest.mark.parametrize("name", STORES)
def test_every_store(name: str, made: Made, tmp_path: Path) -> None:
    assert not all_harm(STORE_VERBS, made, tmp_path / name, a_store(name))


@pytest.mark.faults
@pytest.mark.parametrize("name", MODELS)
def test_every_model(name: str, made: Made, tmp_path: Path) -> None:
    assert not all_harm(MODEL_VERBS, made, tmp_path / name, a_model(name))


@pytest.mark.faults
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe(name: str, made: Made, tmp_path: Path) -> None:
    assert not all_harm(("recipe",), made, tmp_path, a_recipe(name))


@pytest.mark.faults
@pytest.mark.parametrize("name", TABLES)
def test_every_table(name: str, made: Made, tmp_path: Path) -> None:
    assert not all_harm(TABLE_VERBS, made, tmp_path, a_table(name))
