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


VERBS = ("fit", "predict", "export", "report", "compare", "figures", "inspect")
SIZES = (0, 700, 40_000)


def limited(verb: str, num_bytes: int, made: Made, folder: Path) -> None:
    """Call a verb under a limit, look at what it says, and call it again without."""
    more = {
        "figures": ("report", made.store, "--out", "r.html", "--figures", "figures"),
        "inspect": ("inspect", made.table, "--out", "i.html"),
    }
    arguments = more.get(verb) or call_of(verb, made)
    outcome = call(arguments, folder, before=LimitFileSize(num_bytes))
    if outcome.code != 0:
        assert outcome.code == 1, outcome.said
        assert not outcome.crashed, outcome.said
        assert "headstart: " in outcome.said
        assert str(folder.name) in outcome.said or "--out" in outcome.said or "File too large" in outcome.said
        outcome = call(arguments, folder)
        assert outcome.code == 0, outcome.said
    assert not left_behind(folder)


@pytest.mark.faults
@pytest.mark.parametrize("num_bytes", SIZES)
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_under_a_limit(verb: str, num_bytes: int, made: Made, tmp_path: Path) -> None:
    limited(verb, num_bytes, made, tmp_path)
