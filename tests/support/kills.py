"""Calls that are killed at each of their file operations and made again: what they then lack, or leave lying."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.commands import call
from tests.support.contents import contents, differences, left_behind, repeated
from tests.support.disk_states import TakeStates, restore


@dataclass(frozen=True, slots=True)
class Killed:
    """One call, undisturbed and with all states that a kill can leave.

    Attributes:
        arguments: of the command.
        work: the folder it works in.
        states: every state of that folder, in order.
        expected: what two undisturbed calls agree on.
        names: every file and folder that an undisturbed call leaves.
    """

    arguments: tuple[object, ...]
    work: Path
    states: Sequence[Path]
    expected: dict[str, object]
    names: frozenset[str]

    def faults(self, states: Iterable[Path] | None = None) -> Iterator[str]:
        """Make the call again in the given states (default: all), and yield what is then not as if nothing happened."""
        for state in self.states if states is None else states:
            restore(state, self.work)
            finished = {path: path.read_bytes() for path in self.work.rglob("run.json") if _is_in_place(path)}
            outcome = call(self.arguments, self.work)
            for fault in self._faults(finished, outcome.code, outcome.said):
                yield f"{state.name}: {fault}"

    def _faults(self, finished: dict[Path, bytes], code: int | None, said: str) -> Iterator[str]:
        # A call that was killed after it had put its output in place may say so.
        if code != 0 and not (code == 2 and "is there already" in said):
            yield f"ends with {code}: {said[-600:]}"
            return
        found = contents(self.work)
        if different := differences(self.expected, found):
            yield f"differs in {different[:5]}"
        if left := left_behind(self.work) or sorted(_names(self.work) - self.names):
            yield f"leaves {left[:5]}"
        for path, data in finished.items():
            if not path.is_file() or path.read_bytes() != data:
                yield f"{path.relative_to(self.work)} was finished and is not as it was"


def killed(arguments: tuple[object, ...], folder: Path, made: Path | None = None) -> Killed:
    """Return a call with all states that a kill can leave.

    Args:
        arguments: of the command; what it writes lies below its working directory.
        folder: for everything, new.
        made: what the same call made elsewhere, undisturbed; where there is nothing, the call is made once more.
    """
    work, states = folder / "work", folder / "states"
    found = []
    if made is not None:
        work.mkdir(parents=True)
        shutil.copytree(made, work / made.name)
        found.append(contents(work))
    for before in (None, TakeStates(work, states))[len(found) :]:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        outcome = call(arguments, work, before=before)
        assert outcome.code == 0, outcome.said
        found.append(contents(work))
    return Killed(arguments, work, sorted(states.iterdir()), repeated(*found), frozenset(_names(work)))


def spread(states: Sequence[Path], count: int) -> list[Path]:
    """Return so many states, the last ones among them: there most is on disk that can be lost or left."""
    step = max(1, len(states) // count)
    return list(reversed(list(states)[::-1][::step][:count]))


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _is_in_place(path: Path) -> bool:
    return not any(part.startswith(".tmp-") or part.endswith(".unfinished") for part in path.parts)
