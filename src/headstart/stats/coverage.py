"""What 95 % intervals really cover with few values: simulated, because formulas are wrong there."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cache
from pathlib import Path

TABLE_FILE = Path(__file__).with_name("coverage.json")
"""Written by `python -m benchmarks.coverage`."""


class Method(StrEnum):
    """Ways to an interval of the mean difference."""

    PAIRED_T = "paired_t"
    PERCENTILE = "percentile"
    BCA = "bca"


class Shape(StrEnum):
    """What the simulated differences look like, all with mean zero.

    COARSE are normal values rounded to whole standard deviations, as scores on few examples are. SKEWED are
    exponential, HEAVY_TAILED follow Student's t with 3 degrees of freedom.
    """

    NORMAL = "normal"
    COARSE = "coarse"
    SKEWED = "skewed"
    HEAVY_TAILED = "heavy_tailed"


def simulated_coverage(method: Method, num_values: int, shape: Shape = Shape.NORMAL) -> float | None:
    """Return the share (0 to 1) of 95 % intervals that hold the true mean.

    Simulated for some numbers of values; in between, that of the nearest number below. None for a single value.
    """
    by_number = coverage_table()[shape][method]
    simulated = [number for number in by_number if number <= num_values]
    return by_number[max(simulated)] if simulated else None


@cache
def coverage_table() -> dict[str, dict[str, dict[int, float]]]:
    """Return the simulated shares (0 to 1) by shape, method and number of values."""
    shapes = json.loads(TABLE_FILE.read_text(encoding="utf-8"))["coverage"]
    return {
        shape: {method: {int(number): share for number, share in shares.items()} for method, shares in methods.items()}
        for shape, methods in shapes.items()
    }
