"""What a comparison lacks because it is damaged: said wherever a verdict stands that it might have changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from headstart.comparison.cells import BASELINE_STRATEGY, Cell, Question
from headstart.comparison.formats import plural
from headstart.comparison.frame import Frame
from headstart.store.damage import DamagedRun, StoreDamage, seeds_in_words
from headstart.store.record import ON_OTHER_ROWS

REMEDY = "`headstart compare`, called as before, does them again."
FILES_REMEDY = "To have such a file again, remove the folder of its run first: a run that counts is not done again."
_DIGEST_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A strategy of which no run counts, since all are damaged.

    Attributes:
        label: as a table would name it; the beginning of the digest where its experiment cannot be read either.
        what: is wrong with the first run.
    """

    label: str
    experiment_digest: str
    num_runs: int
    what: str

    @property
    def is_baseline(self) -> bool:
        """Whether it is plain fine-tuning."""
        return self.label == BASELINE_STRATEGY

    @property
    def finding(self) -> str:
        """In a few words."""
        return f"left out: {_are_damaged(self.num_runs)}"

    @property
    def sentence(self) -> str:
        """Say what is missing and why."""
        return f"{plural(self.num_runs, 'run')} of {self.label} left out: {self.what}."


def left_out(frame: Frame, question: Question) -> tuple[LeftOut, ...]:
    """Return the strategies that fell out of a question, and those that may have: nobody knows where they belonged."""
    counted = {cell.experiment_digest for cell in frame.cells}
    asked = {(cell.question.task.partition(ON_OTHER_ROWS)[0], cell.question.model) for cell in frame.cells}
    own = (question.task.partition(ON_OTHER_ROWS)[0], question.model)
    found: dict[str, list[DamagedRun]] = {}
    for run in frame.damage.runs:
        place = (run.task, run.model)
        if run.digest not in counted and (place == own or place not in asked):
            found.setdefault(run.digest, []).append(run)
    return tuple(_left_out(digest, runs) for digest, runs in found.items())


def _left_out(digest: str, runs: list[DamagedRun]) -> LeftOut:
    first = runs[0]
    damage = first.damages[0]
    return LeftOut(
        label=first.label or digest[:_DIGEST_SHOWN],
        experiment_digest=digest,
        num_runs=len(runs),
        what=f"seed-{first.seed}/{damage.file.name}: {damage.what}",
    )


def damaged_seeds(damage: StoreDamage, cell: Cell) -> tuple[int, ...]:
    """Return the seeds of a cell's experiment whose runs do not count."""
    return tuple(run.seed for run in damage.of(cell.experiment_digest))


def marks_of(damage: StoreDamage, cell: Cell, baseline: Cell) -> Iterable[str]:
    """Yield what a verdict is marked with: runs of either side that are damaged."""
    if own := damaged_seeds(damage, cell):
        yield f"{seeds_in_words(own)} damaged"
    if theirs := damaged_seeds(damage, baseline):
        yield f"{seeds_in_words(theirs)} of {baseline.first.label} damaged"


def damage_cautions(frame: Frame, cell: Cell) -> Iterable[str]:
    """Yield what is missing of a cell, and of what it would be compared with."""
    if own := damaged_seeds(frame.damage, cell):
        yield f"{_are_damaged(len(own))} and left out: {seeds_in_words(own)}"
    if not cell.is_reference:
        for each in left_out(frame, cell.question):
            if each.is_baseline:
                yield f"{_are_damaged(each.num_runs, each.label)} and left out"


def damage_in_a_sentence(damage: StoreDamage) -> str:
    """Say how much is damaged; "" where nothing is."""
    said = []
    if damage.runs:
        said.append(f"{plural(len(damage.runs), 'run')} left out of every comparison")
    if damage.files:
        said.append(f"{plural(len(damage.files), 'file')} beside runs left out")
    if damage.designs:
        said.append(f"{plural(len(damage.designs), 'comparison')} without what was declared before the first run")
    remedies = (REMEDY if damage.runs or damage.designs else "", FILES_REMEDY if damage.files else "")
    return " ".join([f"{', '.join(said)}; the notes name each.", *filter(None, remedies)]) if said else ""


def _are_damaged(number: int, label: str = "") -> str:
    of = f" of {label}" if label else ""
    return f"{plural(number, 'run')}{of} {'is' if number == 1 else 'are'} damaged"
