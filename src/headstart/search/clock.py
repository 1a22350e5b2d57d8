"""How much time was spent, and how a limit is written."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field

from headstart.errors import UsageError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smh]?)")


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds of wall time since it was made; `limit` is how many there may be, None where that is not known yet."""

    limit: float | None
    begin: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.begin

    def is_past(self, share: float) -> bool:
        """Whether more than this share of the limit is spent; without a limit never."""
        return self.limit is not None and self.spent > share * self.limit


def parse_seconds(text: str) -> float:
    """Return the seconds of a time that is written as `90`, `90s`, `10m`, `1h30m`.

    Raises:
        UsageError: if it cannot be read, or is no limit.
    """
    parts = _PART.findall(text.strip().lower())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip().lower():
        raise UsageError(f"`time_limit` was given as {text!r}", allowed="  Seconds, or 90s, 10m, 1h30m.")
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    return require_limit(seconds, text)


def require_limit(seconds: float, written: object) -> float:
    """Return seconds that can be a limit.

    Args:
        seconds: of the limit.
        written: as a person gave it.

    Raises:
        UsageError: if they are not above 0, or not finite.
    """
    if not 0 < seconds < math.inf:
        raise UsageError(f"`time_limit` was given as {written!r}", allowed="  It is above 0, and finite.")
    return seconds
