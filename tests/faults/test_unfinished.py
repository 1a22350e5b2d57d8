"""One damaged file of what a killed call left: made again, it does that work again, or it names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conftest import Made, no_fault
from tests.faults.test_kills import call_of
from tests.support.commands import call
from tests.support.contents import contents, differences
from tests.support.damage import DAMAGE, GOOD, files_of, judged
from tests.support.disk_states import restore
from tests.support.kills import Killed, killed

PLACE = {"fit": "m.unfinished", "auto": "m.unfinished", "compare": "s", "predict": "p.csv.partial"}
"""Where a call keeps what is finished of its work."""
OUTPUT = {"fit": "m", "auto": "m", "predict": "p.csv"}


def fullest(verb: str, watched: Killed) -> Path:
    """Return the state in which most work can be gone on with: most files, and no output in place."""
    states = [state for state in watched.states if verb == "compare" or not (state / OUTPUT[verb]).exists()]
    return max(states, key=lambda state: len(list(files_of(state / PLACE[verb]))))


def bad(verb: str, watched: Killed, state: Path, damage: str) -> list[str]:
    """Return every file that, once damaged, is believed, leads to a traceback, or is not named where the call ends."""
    found = []
    names = list(files_of(state / PLACE[verb]))
    # The runs of a search are like those of `fit` and `compare`.
    for name in names if verb != "auto" else [each for each in names if "/seed-" not in each]:
        restore(state, watched.work)
        DAMAGE[damage](watched.work / PLACE[verb] / name)
        outcome = call(watched.arguments, watched.work, seconds=30)
        different = differences(watched.expected, contents(watched.work)) if outcome.code == 0 else []
        # What nobody has to read stays as it is: of a finished run, `compare` reads what its table needs.
        # A search's folder ends as the model's `race`.
        places = (f"{PLACE[verb]}/{name}", f"m/race/{name}")
        different = [each for each in different if not each.startswith(places)]
        verdict = judged(outcome, different, [], name)
        if verdict not in GOOD:
            found.append(f"{name}: {verdict}: {different[:3]} {outcome.said[-300:]}")
    return found


@pytest.mark.faults
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("verb", PLACE)
def test_every_damaged_file_of_unfinished_work(verb: str, damage: str, made: Made, tmp_path: Path) -> None:
    watched = killed(call_of(verb, made), tmp_path)
    no_fault(bad(verb, watched, fullest(verb, watched), damage))
