"""Energy while something runs, where the hardware tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
MICROJOULES = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counter:
    """One processor package's counter; it starts again from 0 at its range."""

    file: Path
    start: int
    range: int

    def joules(self) -> float:
        return (int(self.file.read_text()) - self.start) % self.range * MICROJOULES


@dataclass(frozen=True, slots=True)
class EnergyMeter:
    """Counts from the moment it is made.

    The counters are the packages' (Intel RAPL and what speaks like it) and are the whole machine's, not this process's
    alone. Where they cannot be read there is no number.
    """

    counters: tuple[_Counter, ...]

    @classmethod
    def started(cls, root: Path = POWERCAP) -> EnergyMeter:
        """Return a meter that counts from now on."""
        counters = []
        for folder in sorted(root.glob("*-rapl:[0-9]")):
            try:
                start = int((folder / "energy_uj").read_text())
                limit = int((folder / "max_energy_range_uj").read_text())
            except (OSError, ValueError):
                continue
            counters.append(_Counter(file=folder / "energy_uj", start=start, range=limit + 1))
        return cls(tuple(counters))

    def joules(self) -> float | None:
        """Return what was used so far; None where the hardware does not tell."""
        try:
            return sum(counter.joules() for counter in self.counters) if self.counters else None
        except (OSError, ValueError):
            return None
