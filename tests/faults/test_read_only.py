"""A store or model that may only be read is read as ever; whoever would write there is told so in one sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import SHORT, Made
from tests.faults.test_kills import call_of
from tests.support.commands import call
from tests.support.contents import left_behind
from tests.support.rights import NoRights, ReadOnlyDisk

KINDS = {"rights": NoRights, "disk": ReadOnlyDisk}
READ = ("compare", "report", "page", "runs", "plan", "verify", "gc", "export", "predict", "evaluate", "doctor")
SAMPLE = ("compare", "page", "runs", "plan", "verify", "gc")
WRITTEN = ("more seeds", "another store", "fit", "auto", "export", "predict", "report", "figures", "inspect")


def reading(verb: str, made: Made) -> tuple[object, ...]:
    """Return a call that only reads in its working directory, which has the store `s` and the model `m`."""
    return {
        "compare": made.compare,
        "report": ("report", "s", "--format", "json"),
        "page": ("report", "s", "--out", "../r.html"),
        "runs": ("runs", "s"),
        "plan": ("plan", "s"),
        "verify": ("verify", "s"),
        "gc": ("gc", "s"),
        "export": ("export", "s", made.run, "--out", "../e", "-q"),
        "predict": ("predict", "m", made.table, "--out", "../p.csv", "-q"),
        "evaluate": ("evaluate", "m", made.table, "-q"),
        "doctor": ("doctor", "m"),
    }[verb]


def writing(verb: str, made: Made) -> tuple[object, ...]:
    """Return a call that writes in its working directory, and the name that a person knows the place by."""
    compare = ("compare", made.table, "--model", made.base, "--strategies", "finetune,eh_ft", *SHORT)
    fit = ("fit", made.table, "--model", made.base, "--out", "n")
    return {
        "more seeds": (*compare, "--store", "s", "--seeds", 2),
        "another store": (*compare, "--store", "n", "--seeds", 1),
        "fit": (*fit, "--strategy", "finetune", *SHORT),
        "auto": (*fit, "--time-limit", "1s", "-q"),
        "export": ("export", "s", made.run, "--out", "n", "-q"),
        "predict": ("predict", "m", made.table, "--out", "n.csv", "-q"),
        "report": ("report", "s", "--out", "n.html"),
        "figures": ("report", "s", "--out", "../r.html", "--figures", "n"),
        "inspect": ("inspect", made.table, "--out", "n.html"),
    }[verb]


def works(kind: str, verb: str, made: Made, folder: Path) -> None:
    work = folder_of(made, folder)
    outcome = call(reading(verb, made), work, before=KINDS[kind](work))
    if kind == "disk" and "Operation not permitted" in outcome.said:
        pytest.skip("no right to mount a disk")
    assert outcome.code == 0, outcome.said


def folder_of(made: Made, folder: Path) -> Path:
    for path in (made.store, made.model):
        shutil.copytree(path, folder / "work" / path.name)
    return folder / "work"


@pytest.mark.parametrize("verb", SAMPLE)
def test_a_finished_store_without_rights(verb: str, made: Made, tmp_path: Path) -> None:
    works("rights", verb, made, tmp_path)


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", READ)
def test_what_only_reads_works(kind: str, verb: str, made: Made, tmp_path: Path) -> None:
    works(kind, verb, made, tmp_path)


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", WRITTEN)
def test_what_writes_says_one_sentence(kind: str, verb: str, made: Made, tmp_path: Path) -> None:
    work = folder_of(made, tmp_path)
    outcome = call(writing(verb, made), work, before=KINDS[kind](work))
    if kind == "disk" and "Operation not permitted" in outcome.said:
        pytest.skip("no right to mount a disk")
    said = {"rights": "you lack the permission", "disk": "the disk is read-only"}[kind]
    assert (outcome.code, outcome.said.count("headstart: cannot "), said in outcome.said) == (1, 1, True), outcome.said
    for path in (work, *work.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert not left_behind(work)
    assert call(writing(verb, made), work).code == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Return a folder on a disk of its own; called again, with another size in bytes."""
    place = tmp_path / "disk"
    place.mkdir()

    def resize(num_bytes: int) -> Path:
        options = f"size={num_bytes}" + (",remount" if os.path.ismount(place) else "")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(place)], capture_output=True)
        if done.returncode != 0:
            pytest.skip("no right to mount a disk")
        return place

    yield resize
    if os.path.ismount(place):
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.faults
@pytest.mark.parametrize("num_bytes", [8_000, 60_000, 200_000])
@pytest.mark.parametrize("verb", ["fit", "auto", "predict", "export", "report", "figures", "compare"])
def test_a_full_disk(verb: str, num_bytes: int, made: Made, small_disk: Callable[[int], Path]) -> None:
    """One sentence; with more room the same call ends well, and nothing is left lying."""
    work = small_disk(num_bytes)
    outcome = call(call_of(verb, made), work)
    if outcome.code != 0:
        assert (outcome.code, outcome.said.count("headstart: cannot ")) == (1, 1), outcome.said
        assert "the disk is full" in outcome.said
        small_disk(1 << 27)
        outcome = call(call_of(verb, made), work)
    assert outcome.code == 0, outcome.said
    assert not left_behind(work)
