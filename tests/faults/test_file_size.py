"""Under a limit on the size of files, as on a full disk, every verb says one sentence, and then goes on."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.conftest import Made
from tests.faults.test_kills import call_of
from tests.support.commands import call
from tests.support.contents import left_behind


@dataclass(frozen=True, slots=True)
class LimitFileSize:
    """Let no file of this process grow beyond a size."""

    num_bytes: int

    def __call__(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.num_bytes, self.num_bytes))


WRITERS = ("fit", "auto", "predict", "export", "report", "figures", "compare", "inspect")
READERS = ("evaluate", "runs", "plan", "verify", "gc", "doctor", "finished")
"""What writes nothing but caches, which never stop anything; among them `compare` on a finished store."""
SIZES = (0, 700, 40_000)


def more_of(verb: str, made: Made) -> tuple[object, ...]:
    return {
        "inspect": ("inspect", made.table, "--out", "i.html"),
        "evaluate": ("evaluate", made.model, made.table, "-q"),
        "runs": ("runs", made.store),
        "plan": ("plan", made.store),
        "verify": ("verify", made.store),
        "gc": ("gc", made.store, "--delete"),
        "doctor": ("doctor", made.model),
        "finished": tuple(made.store if each == "s" else each for each in made.compare),
    }[verb]


def limited(verb: str, num_bytes: int, made: Made, folder: Path) -> None:
    """Call a verb under a limit, look at what it says, and call it again without."""
    arguments = call_of(verb, made) if verb in WRITERS and verb != "inspect" else more_of(verb, made)
    cache = folder / "cache"  # Else what another call left there need not be written.
    outcome = call(arguments, folder, before=LimitFileSize(num_bytes), cache=cache)
    if outcome.code != 0:
        assert verb in WRITERS, outcome.said
        said = outcome.code, outcome.said.count("headstart: cannot "), "ulimit -f" in outcome.said, outcome.crashed
        assert said == (1, 1, True, False), outcome.said
        outcome = call(arguments, folder, cache=cache)
        assert outcome.code == 0, outcome.said
    assert not left_behind(folder)


@pytest.mark.faults
@pytest.mark.parametrize("num_bytes", SIZES)
@pytest.mark.parametrize("verb", [*WRITERS, *READERS])
def test_every_verb_under_a_limit(verb: str, num_bytes: int, made: Made, tmp_path: Path) -> None:
    limited(verb, num_bytes, made, tmp_path)
