"""How numbers are written in every table, figure and sentence."""

from __future__ import annotations

from headstart import metrics
from headstart.stats.intervals import Interval

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
PLUS_MINUS = "\N{PLUS-MINUS SIGN}"
NO_BREAK = "\N{NO-BREAK SPACE}"


def points(score: float | None) -> str:
    """Write a score times 100 with two decimals: 0.7857 as 78.57."""
    return NOTHING if score is None else _number(100.0 * score)


def signed_points(score: float | None) -> str:
    """Write a difference of scores times 100 with its sign; exact zero has none."""
    if score is None:
        return NOTHING
    text = _number(100.0 * score)
    return text if text.startswith(MINUS) or float(text) == 0.0 else f"+{text}"


def bracket(interval: Interval | None) -> str:
    """Write an interval of a difference of scores, as in "[-0.31, +2.69]"."""
    return NOTHING if interval is None else f"[{signed_points(interval.low)},{NO_BREAK}{signed_points(interval.high)}]"


def range_of(metric: str, interval: Interval) -> str:
    """Write an interval of a metric's score as people read the score, as in "[78.31, 82.20]"."""
    low, high = (metrics.written(metric, value).replace("-", MINUS) for value in (interval.low, interval.high))
    return f"[{low},{NO_BREAK}{high}]"


def count(number: int | None) -> str:
    """Write a count in full, with thin groups: 22713216 as 22,713,216."""
    return NOTHING if number is None else f"{number:,}"


def short_count(number: int | None) -> str:
    """Write a count with three digits and a unit: 22713216 as 22.7 M."""
    if number is None:
        return NOTHING
    for limit, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= 0.9995 * limit:  # three digits round up to the next unit
            return f"{number / limit:.3g}{NO_BREAK}{unit}"
    return str(number)


def duration(seconds: float | None) -> str:
    """Write a time in the unit a person would use: 4.2 s, 312 s, 2 h 05 min."""
    if seconds is None:
        return NOTHING
    if seconds < 10:
        return f"{seconds:.1f}{NO_BREAK}s"
    if seconds < 1000:
        return f"{seconds:.0f}{NO_BREAK}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}{NO_BREAK}min"
    return f"{minutes // 60}{NO_BREAK}h{NO_BREAK}{minutes % 60:02d}{NO_BREAK}min"


def error_line(text: str) -> str:
    """Return the line of an error that says what went wrong: the last of a traceback, of all else the first."""
    first, _, rest = text.strip().partition("\n")
    return (rest.rpartition("\n")[2] if "Traceback" in first else first).strip()


def plural(number: int, singular: str) -> str:
    """Write a number with its noun: 1 seed, 3 seeds."""
    return f"{number:,} {singular}{'' if number == 1 else 's'}"


def _number(value: float) -> str:
    text = f"{value:.2f}"
    if float(text) == 0.0:
        return "0.00"
    return text.replace("-", MINUS)
