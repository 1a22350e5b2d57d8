"""A table, a model folder and a store, made once by the commands that make them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import CheckpointMaker
from tests.support.commands import call
from tests.support.runs import tiny_rows

SMALL = ("--batch-size", 4, "--max-length", 24, "--precision", "fp32", "-q")
SHORT = ("--epochs", 1, *SMALL)


@dataclass(frozen=True, slots=True)
class Made:
    """What the commands made, not to be changed.

    Attributes:
        folder: where it lies.
        base: a tiny pretrained model.
        table: labelled rows.
        model: what `fit` wrote.
        store: what `compare` wrote: EH-FT and plain fine-tuning, one seed.
    """

    folder: Path
    base: Path
    table: Path
    model: Path
    store: Path

    @property
    def run(self) -> str:
        """The run of EH-FT, as `export` names it."""
        return next(iter(self.store.glob("*/seed-0/1-adapter"))).parents[1].name + "/0"

    @property
    def fit(self) -> tuple[object, ...]:
        """The call that makes a model `m`."""
        return ("fit", self.table, "--model", self.base, "--out", "m", "--strategy", "finetune", *SHORT)

    @property
    def auto(self) -> tuple[object, ...]:
        """The call that searches for the best model `m`, within a time in which no machine tries more than it must."""
        return ("fit", self.table, "--model", self.base, "--out", "m", "--time-limit", "0.01s", *SMALL)

    @property
    def compare(self) -> tuple[object, ...]:
        """The call that makes the store `s`."""
        strategies = ("--strategies", "finetune,eh_ft", "--seeds", 1)
        return ("compare", self.table, "--model", self.base, "--store", "s", *strategies, *SHORT)


def no_fault(found: Iterable[str]) -> None:
    """Fail with all of what was found; an assertion would show its beginning alone."""
    if faults := list(found):
        pytest.fail("\n".join(faults), pytrace=False)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: CheckpointMaker) -> Made:
    """Make a table, a model folder and a store."""
    folder = tmp_path_factory.mktemp("made")
    table = folder / "reviews.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((text, ("bad", "good")[k]) for text, k in tiny_rows(40))])
    made = Made(folder, tiny_checkpoint("bert"), table, folder / "m", folder / "s")
    for arguments in (made.fit, made.compare):
        outcome = call(arguments, folder)
        assert outcome.code == 0, outcome.said
    return made
