"""Cut a stratified part off a split."""

from __future__ import annotations

from headstart.data.examples import Split
from headstart.errors import UsageError
from headstart.seeding import numpy_generator


def hold_out(split: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """Return the rest and the held-out part, both in the split's order.

    Every class keeps at least one row in the rest, and gives at least one where it has two.

    Args:
        split: labelled rows.
        fraction: share of the rows to hold out, above 0 and under 1.
        seed: root of the stream `subsample`.

    Raises:
        UsageError: if the fraction is out of range, or there are too few rows to hold any out.
    """
    if split.labels is None:
        raise ValueError("rows without labels cannot be stratified")
    if not 0 < fraction < 1:
        raise UsageError(f"{fraction} of the rows cannot be held out", allowed="  Allowed: above 0 and under 1.")
    generator = numpy_generator(seed, "subsample")
    held: list[int] = []
    for label in sorted(set(split.labels)):
        rows = [row for row, each in enumerate(split.labels) if each == label]
        count = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        held.extend(generator.permutation(rows)[:count].tolist())
    if not held:
        raise UsageError("there are too few rows to hold some out: every class has a single one")
    held_set = set(held)
    rest = [row for row in range(len(split)) if row not in held_set]
    return split.take(rest), split.take(sorted(held))
