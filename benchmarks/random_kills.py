"""Kill every verb at random moments, call it again until it ends, and hold what it leaves to an undisturbed call.

    python -m benchmarks.random_kills [--kills 1000] [--seed 0] [--log docs/results/faults/random_kills.tsv]

A round is one verb in an empty folder: killed some times (the moment is drawn between its start and 1.1 times what an
undisturbed call takes), then let finish. Every round is a line of the log. Exit code 1 where a round lost
something, did something twice, differs in a bit, or left something lying. Commands are forked from a process that has
imported everything, so all of an undisturbed call's time is its work.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tests.support.commands import Outcome, call
from tests.support.contents import contents, differences, left_behind, repeated
from tests.support.runs import tiny_rows
from tests.support.tiny import make_checkpoint

SHORT = ("--epochs", 2, "--batch-size", 8, "--max-length", 24, "--precision", "fp32", "-q")
COLUMNS = ("round", "verb", "kills", "seconds", "again", "lost", "twice", "different", "left", "said")


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A call that nobody disturbed.

    Attributes:
        arguments: of the command.
        seconds: what it took.
        expected: what two such calls agree on.
        names: all that it leaves.
    """

    arguments: tuple[object, ...]
    seconds: float
    expected: dict[str, object]
    names: frozenset[str]

    @classmethod
    def of(cls, arguments: tuple[object, ...], work: Path) -> Undisturbed:
        """Make the call three times: the first warms caches."""
        found, seconds = [], 0.0
        for _ in range(3):
            _clear(work)
            begin = time.perf_counter()
            outcome = call(arguments, work)
            seconds = time.perf_counter() - begin
            assert outcome.code == 0, outcome.said
            found.append(contents(work))
        return cls(arguments, seconds, repeated(*found[1:]), frozenset(_names(work)))


@dataclass(slots=True)
class Round:
    """What came of one verb that was killed some times."""

    kills: int = 0
    seconds: float = 0.0
    again: int = 0
    lost: int = 0
    twice: int = 0
    different: int = 0
    left: int = 0
    said: str = ""

    @property
    def faults(self) -> int:
        """How many things are not as if nothing had happened."""
        return self.again + self.lost + self.twice + self.different + self.left


def play(undisturbed: Undisturbed, work: Path, most_kills: int, draw: random.Random) -> Round:
    """Kill a call until it got through or was killed often enough, then make it once more and look."""
    _clear(work)
    found, begin = Round(), time.perf_counter()
    finished: dict[Path, bytes] = {}
    wanted = draw.randint(1, most_kills)
    while found.kills < wanted:
        outcome = call(undisturbed.arguments, work, kill_after=draw.uniform(0, 1.1 * undisturbed.seconds))
        if outcome.code is None or outcome.code >= 0:
            break
        found.kills += 1
        for path in work.rglob("run.json"):
            if not any(part.startswith(".tmp-") or part.endswith(".unfinished") for part in path.parts):
                finished.setdefault(path, path.read_bytes())
    last = call(undisturbed.arguments, work)
    found.seconds = time.perf_counter() - begin
    found.again = int(not _ended_well(last))
    found.said = last.said.strip()[-300:].replace("\n", " | ") if found.again else ""
    for path, data in finished.items():
        found.lost += not path.is_file()
        found.twice += path.is_file() and path.read_bytes() != data
    found.different = len(differences(undisturbed.expected, contents(work)))
    found.left = len(set(left_behind(work)) | (_names(work) - undisturbed.names))
    return found


def main() -> None:
    """Kill until there are enough kills; print and log what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=5, help="kills in one round")
    parser.add_argument("--log", type=Path, default=Path("docs/results/faults/random_kills.tsv"))
    chosen = parser.parse_args()
    draw = random.Random(chosen.seed)
    chosen.log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, chosen.log.open("w", newline="") as log:
        os.environ["HEADSTART_CACHE"] = f"{name}/cache"
        folder = Path(name)
        verbs = {verb: Undisturbed.of(arguments, folder / "work") for verb, arguments in _calls(folder).items()}
        sys.exit(_all_rounds(verbs, folder / "work", chosen.kills, chosen.most, draw, log))


def _all_rounds(
    verbs: dict[str, Undisturbed], work: Path, kills: int, most: int, draw: random.Random, log: TextIO
) -> int:
    writer = csv.writer(log, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    total, number = Round(), 0
    while total.kills < kills:
        verb = list(verbs)[number % len(verbs)]
        found = play(verbs[verb], work, most, draw)
        values = [getattr(found, column) for column in COLUMNS[2:]]
        writer.writerow([number, verb, *(round(value, 1) if isinstance(value, float) else value for value in values)])
        log.flush()
        for column in ("kills", "again", "lost", "twice", "different", "left"):
            setattr(total, column, getattr(total, column) + getattr(found, column))
        number += 1
    print(
        f"{total.kills} kills in {number} rounds: {total.again} did not end well, {total.lost} lost, {total.twice} "
        f"twice, {total.different} values different, {total.left} left lying"
    )
    return int(total.faults > 0)


def _calls(folder: Path) -> dict[str, tuple[object, ...]]:
    """Make a table, a model and a store, and return a call of every verb that writes."""
    base = make_checkpoint(folder / "base", "bert")
    table, long = folder / "reviews.csv", folder / "long.csv"
    for path, num_rows in ((table, 60), (long, 4000)):
        with path.open("w", newline="") as file:
            rows = ((text, ("bad", "good")[label]) for text, label in tiny_rows(num_rows))
            csv.writer(file).writerows([("text", "label"), *rows])
    fit = ("fit", table, "--model", base, "--out", "m", "--strategy", "eh_ft", *SHORT)
    compare = (
        "compare",
        table,
        "--model",
        base,
        "--store",
        "s",
        "--strategies",
        "finetune,eh_ft",
        "--seeds",
        2,
        *SHORT,
    )
    for arguments in (fit, compare):
        outcome = call(arguments, folder)
        assert outcome.code == 0, outcome.said
    run = next(iter((folder / "s").glob("*/seed-0/1-adapter"))).parents[1].name + "/0"
    return {
        "fit": fit,
        "predict": ("predict", folder / "m", long, "--out", "p.csv", "-q"),
        "compare": compare,
        "export": ("export", folder / "s", run, "--out", "m", "-q"),
        "report": ("report", folder / "s", "--out", "r.html", "--figures", "figures"),
        "inspect": ("inspect", long, "--out", "i.html"),
    }


def _ended_well(outcome: Outcome) -> bool:
    """Return whether a call ended well: also where it says that a killed one had put its output in place."""
    return outcome.code == 0 or (outcome.code == 2 and "is there already" in outcome.said)


def _clear(work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


if __name__ == "__main__":
    main()
