"""What came of random kills: rounds, their sums, and the page of them."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass, field
from datetime import date

FAULTS = ("again", "lost", "twice", "different", "left")


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


@dataclass(slots=True)
class Sums:
    """The sums of all rounds of one verb."""

    rounds: int = 0
    kills: int = 0
    faults: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FAULTS, 0))

    def add(self, found: Round) -> None:
        """Add a round."""
        self.rounds += 1
        self.kills += found.kills
        for name in FAULTS:
            self.faults[name] += getattr(found, name)


def commit_now() -> str:
    """Return the commit that this is run from."""
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()


def page(sums: dict[str, Sums], command: str, commit: str, most: int) -> str:
    """Return the sums of every verb as a page.

    Args:
        sums: by verb.
        command: that made them.
        commit: of the code.
        most: kills in one round.
    """
    total = Sums(sum(each.rounds for each in sums.values()), sum(each.kills for each in sums.values()))
    total.faults = {name: sum(each.faults[name] for each in sums.values()) for name in FAULTS}
    rows = [
        f"| {verb} | {each.rounds} | {each.kills} | {' | '.join(str(each.faults[name]) for name in FAULTS)} |"
        for verb, each in (*sums.items(), ("**all**", total))
    ]
    return f"""# Random kills

`{command}`, {date.today()}, commit {commit}, {os.cpu_count()} cores of a shared {platform.machine()} machine, CPU only.

A round is one call in a new folder: killed one to {most} times by `kill -9` at random moments, then let finish,
and held to what undisturbed calls leave. `rounds.tsv` has every round.

| verb | rounds | kills | did not end well | lost | done twice | other values | left lying |
|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}
"""
