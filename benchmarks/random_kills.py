"""Kill every verb at random moments, call it again until it ends, and hold what it leaves to an undisturbed call.

    python -m benchmarks.random_kills [--kills 1000] [--seed 0] [--jobs 2]

A round is one verb in a new folder: killed some times (the moment is drawn between its start and 1.1 times what an
undisturbed call takes), then let finish. Every round is a line of `rounds.tsv`, and `README.md` has their sums.
Exit code 1 where a round lost something, did something twice, differs in a bit or in what it prints, or left something
lying. Commands are forked from a process that has imported everything, so all of an undisturbed call's time is its
work.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from benchmarks.random_kills_page import FAULTS, Round, Sums, commit_now, page
from tests.support.commands import Outcome, call
from tests.support.contents import contents, differences, left_behind, repeated
from tests.support.runs import tiny_rows
from tests.support.tiny import make_checkpoint

SMALL = ("--batch-size", 8, "--max-length", 24, "--precision", "fp32", "-q")
SHORT = ("--epochs", 2, *SMALL)
COLUMNS = ("round", "verb", "kills", "seconds", "again", "lost", "twice", "different", "left", "said")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one verb.

    Attributes:
        arguments: of the command.
        start: the folder that it starts from; None for an empty one.
        says: whether what it prints is its answer.
    """

    arguments: tuple[object, ...]
    start: Path | None = None
    says: bool = False

    def prepare(self, work: Path) -> None:
        """Make the folder that the call works in."""
        shutil.rmtree(work, ignore_errors=True)
        if self.start is None:
            work.mkdir(parents=True)
        else:
            shutil.copytree(self.start, work)

    def found(self, outcome: Outcome, work: Path) -> dict[str, object]:
        """Return every value of the files that are there, and each line that was printed, without times."""
        lines = re.sub(r"[0-9.]+\s+(s|MB)\b", "...", outcome.said).splitlines() if self.says else []
        return {**contents(work), **{f"line {number}": line for number, line in enumerate(lines)}}


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A call that nobody disturbed.

    Attributes:
        call: which.
        seconds: what it took.
        expected: what two such calls agree on.
        names: all that it leaves.
    """

    call: Call
    seconds: float
    expected: dict[str, object]
    names: frozenset[str]

    @classmethod
    def of(cls, wanted: Call, work: Path) -> Undisturbed:
        """Make the call three times: the first warms caches."""
        found, seconds = [], 0.0
        for _ in range(3):
            wanted.prepare(work)
            begin = time.perf_counter()
            outcome = call(wanted.arguments, work)
            seconds = time.perf_counter() - begin
            assert outcome.code == 0, outcome.said
            found.append(wanted.found(outcome, work))
        return cls(wanted, seconds, repeated(*found[1:]), frozenset(_names(work)))


def play(undisturbed: Undisturbed, work: Path, most_kills: int, draw: random.Random) -> Round:
    """Kill a call until it got through or was killed often enough, then make it once more and look."""
    wanted = undisturbed.call
    wanted.prepare(work)
    found, begin = Round(), time.perf_counter()
    finished: dict[Path, bytes] = {}
    most = draw.randint(1, most_kills)
    while found.kills < most:
        outcome = call(wanted.arguments, work, kill_after=draw.uniform(0, 1.1 * undisturbed.seconds))
        if outcome.code is None or outcome.code >= 0:
            break
        found.kills += 1
        for path in work.rglob("run.json"):
            if not any(part.startswith(".tmp-") or part.endswith(".unfinished") for part in path.parts):
                finished.setdefault(path, path.read_bytes())
    last = call(wanted.arguments, work)
    found.seconds = time.perf_counter() - begin
    found.again = int(not _ended_well(last))
    for path, data in finished.items():
        found.lost += not path.is_file()
        found.twice += path.is_file() and path.read_bytes() != data
    different = differences(undisturbed.expected, wanted.found(last, work))
    left = set(left_behind(work)) | (_names(work) - undisturbed.names)
    found.different, found.left = len(different), len(left)
    if found.again or different or left:
        found.said = " | ".join([*different[:3], *sorted(left)[:3], *last.said.strip()[-300:].splitlines()])
    shutil.rmtree(work)
    return found


def main() -> None:
    """Kill until there are enough kills; print and log what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=5, help="kills in one round")
    parser.add_argument("--jobs", type=int, default=2, help="rounds at once")
    parser.add_argument("--out", type=Path, default=Path("docs/results/random-kills"))
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    command, commit = " ".join(("python -m benchmarks.random_kills", *sys.argv[1:])), commit_now()
    with tempfile.TemporaryDirectory() as name:
        os.environ["HEADSTART_CACHE"] = f"{name}/cache"
        work = Path(name) / "work"
        calls = {verb: Undisturbed.of(wanted, work) for verb, wanted in _calls(Path(name)).items()}
        for sums in _rounds(calls, Path(name), chosen):
            (chosen.out / "README.md").write_text(page(sums, command, commit, chosen.most))
    total = sum(each.kills for each in sums.values())
    faults = {name: sum(each.faults[name] for each in sums.values()) for name in FAULTS}
    print(f"{total} kills: {', '.join(f'{count} {name}' for name, count in faults.items())}")
    sys.exit(int(any(faults.values())))


def _rounds(calls: dict[str, Undisturbed], folder: Path, chosen: argparse.Namespace) -> Iterator[dict[str, Sums]]:
    """Play one verb after the other, each round with moments of its own, until there are enough kills.

    The sums so far come whenever every verb had its turn.
    """
    sums, verbs = {verb: Sums() for verb in calls}, list(calls)
    with (
        (chosen.out / "rounds.tsv").open("w", newline="") as log,
        ProcessPoolExecutor(chosen.jobs, mp_context=get_context("spawn")) as pool,
    ):
        writer = csv.writer(log, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        numbers = range(0, 0)
        while sum(each.kills for each in sums.values()) < chosen.kills:
            numbers = range(numbers.stop, numbers.stop + len(verbs) * chosen.jobs)
            called = [calls[verbs[number % len(verbs)]] for number in numbers]
            works = [folder / f"work-{number}" for number in numbers]
            draws = [random.Random(f"{chosen.seed} {number}") for number in numbers]
            played = pool.map(play, called, works, [chosen.most] * len(numbers), draws)
            for number, found in zip(numbers, played, strict=True):
                verb = verbs[number % len(verbs)]
                values = [getattr(found, column) for column in COLUMNS[2:]]
                writer.writerow([number, verb, *(round(each, 1) if type(each) is float else each for each in values)])
                log.flush()
                sums[verb].add(found)
            yield sums


def _calls(folder: Path) -> dict[str, Call]:
    """Make a table, a model and a store, and return a call of every verb that takes a table, a model or a store."""
    base = make_checkpoint(folder / "base", "bert")
    table, long = folder / "reviews.csv", folder / "long.csv"
    for path, num_rows in ((table, 60), (long, 4000)):
        with path.open("w", newline="") as file:
            rows = ((text, ("bad", "good")[label]) for text, label in tiny_rows(num_rows))
            csv.writer(file).writerows([("text", "label"), *rows])
    fit = ("fit", table, "--model", base, "--out", "m", "--strategy", "eh_ft", *SHORT)
    strategies = ("--strategies", "finetune,eh_ft", "--seeds", 2)
    compare = ("compare", table, "--model", base, "--store", "s", *strategies, *SHORT)
    for arguments in (fit, compare):
        outcome = call(arguments, folder)
        assert outcome.code == 0, outcome.said
    model, store = folder / "m", folder / "s"
    run = next(iter(store.glob("*/seed-0/1-adapter"))).parents[1].name + "/0"
    return {
        "fit": Call(fit),
        "fit auto": Call(("fit", table, "--model", base, "--out", "m", "--time-limit", "1s", *SMALL)),
        "predict": Call(("predict", model, long, "--out", "p.csv", "-q")),
        "evaluate": Call(("evaluate", model, long, "-q"), says=True),
        "compare": Call(compare),
        "export": Call(("export", store, run, "--out", "m", "-q")),
        "report": Call(("report", store, "--out", "r.html", "--figures", "figures")),
        "gc": Call(("gc", "s", "--delete"), start=_with_leftovers(store, folder / "leftovers")),
        "inspect": Call(("inspect", long, "--out", "i.html")),
        "runs": Call(("runs", store), says=True),
        "plan": Call(("plan", store), says=True),
        "verify": Call(("verify", store), says=True),
        "doctor": Call(("doctor", model), says=True),
    }


def _with_leftovers(store: Path, folder: Path) -> Path:
    """Copy a store to `s` in a folder, and add to its finished runs what no record names."""
    shutil.copytree(store, folder / "s")
    for run in sorted((folder / "s").glob("*/seed-*")):
        checkpoint = run / "1-finetune" / "checkpoint-4"
        checkpoint.mkdir(parents=True)
        for number in range(20):
            (checkpoint / f"part-{number}.safetensors").write_bytes(b"0" * 100_000)
    return folder


def _ended_well(outcome: Outcome) -> bool:
    """Return whether a call ended well: also where it says that a killed one had put its output in place."""
    return outcome.code == 0 or (outcome.code == 2 and "is there already" in outcome.said)


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


if __name__ == "__main__":
    main()
