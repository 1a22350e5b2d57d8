"""Simulate which effects paired seeds show with 80 % power by our own verdict, and write the file that plans read.

    python -m benchmarks.verdict_power [--samples 20000] [--out src/headstart/stats/verdict_power.json]

Takes a few minutes on one core. Prints a Markdown table, the one in docs/statistics.md.

A verdict asks of normal differences that the t interval leaves out zero and that at most so many sign patterns, the
observed one among them, have a sum as large. For each sample both are true from some shift upwards. Flipping a set of
differences leaves the sum as large while the set's mean is at most zero, so the shift in question is the k-th largest
of minus all sets' means. The effect that is shown with 80 % power is the 80 % point of these shifts.

What t intervals alone ask for is simulated with the same samples and known exactly, so most of the noise cancels, and
fewer samples do for many pairs.

Letters: s samples, n differences, k sign patterns.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy
from scipy import special

from headstart.atomic_files import atomic_path
from headstart.stats.comparisons import MIN_SEEDS_FOR_VERDICT, SIGNIFICANCE_LEVEL
from headstart.stats.limits import Values
from headstart.stats.power import (
    LARGEST_SIMULATED,
    POWER,
    TABLE_FILE,
    effect_of_t_test,
    num_patterns,
    smallest_effect,
)

STEP = 1.25
"""Between the numbers of sign patterns that are simulated."""
MAX_SUMS = 2**31
"""Of all samples of one number of pairs; 2^n for each sample."""
MAX_SUMS_AT_ONCE = 4_000_000
PRINTED_COMPARISONS = (1, 2, 3, 5, 10, 20)
PRINTED_PAIRS = (6, 7, 8, 10, 12, 15, 20, 50)


def main() -> None:
    """Simulate, write the file and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=TABLE_FILE)
    arguments = parser.parse_args()
    table = {
        n: simulate(n, min(arguments.samples, MAX_SUMS // 2**n))
        for n in range(MIN_SEEDS_FOR_VERDICT, LARGEST_SIMULATED + 1)
    }
    with atomic_path(arguments.out) as path:
        path.write_text(table_text(table, arguments.samples))
    print(markdown())


def simulate(num_pairs: int, num_samples: int) -> dict[int, float]:
    """Return the smallest effect that is shown with 80 % power by the number of sign patterns that are allowed."""
    generator = numpy.random.default_rng(num_pairs)
    allowed = _numbers_of_patterns(num_pairs)
    by_flips: dict[int, list[Values]] = {number: [] for number in allowed}
    by_t: list[Values] = []
    block = max(1, MAX_SUMS_AT_ONCE // 2**num_pairs)
    for begin in range(0, num_samples, block):
        samples = generator.standard_normal((min(block, num_samples - begin), num_pairs))
        by_t.append(_shifts_of_t_interval(samples))
        means = numpy.partition(_means_of_sets(samples), allowed, axis=1)  # place 0 has the empty set
        for number in allowed:
            by_flips[number].append(-means[:, number])
    from_t = numpy.concatenate(by_t)
    known = effect_of_t_test(num_pairs, SIGNIFICANCE_LEVEL) / float(numpy.quantile(from_t, POWER))
    return {
        number: known * float(numpy.quantile(numpy.maximum(numpy.concatenate(parts), from_t), POWER))
        for number, parts in by_flips.items()
    }


def _numbers_of_patterns(num_pairs: int) -> list[int]:
    """Return those that one to ten comparisons allow, and in equal steps down to one."""
    largest = num_patterns(num_pairs, 1)
    steps = range(math.ceil(math.log(largest, STEP)) + 1)
    numbers = {num_patterns(num_pairs, comparisons) for comparisons in range(1, 11)}
    return sorted((numbers | {int(largest / STEP**step) for step in steps}) - {0})


def _shifts_of_t_interval(samples: Values) -> Values:
    """Return for each sample [s, n] the shift from which on its t interval lies above zero."""
    num_pairs = samples.shape[1]
    critical = float(special.stdtrit(num_pairs - 1, 1.0 - SIGNIFICANCE_LEVEL / 2.0))
    shifts: Values = critical * samples.std(axis=1, ddof=1) / math.sqrt(num_pairs) - samples.mean(axis=1)
    return shifts


def _means_of_sets(samples: Values) -> Values:
    """Return the means [s, 2^n] of all sets of each sample's differences; the empty set is below all others.

    It is the observed pattern, which leaves the sum as large whatever the shift.
    """
    sums, sizes = numpy.zeros((len(samples), 1)), numpy.zeros(1)
    for column in samples.T:
        sums, sizes = numpy.hstack([sums, sums + column[:, None]]), numpy.concatenate([sizes, sizes + 1])
    sums[:, 0] = -numpy.inf
    means: Values = sums / numpy.maximum(sizes, 1.0)
    return means


def table_text(table: dict[int, dict[int, float]], num_samples: int) -> str:
    """Return the JSON file that holds the table, a line for each number of pairs."""
    lines = [
        f'    "{number}": {json.dumps({allowed: round(effect, 4) for allowed, effect in effects.items()})}'
        for number, effects in table.items()
    ]
    return "\n".join(["{", f'  "num_samples": {num_samples},', '  "effects": {', ",\n".join(lines), "  }", "}", ""])


def markdown() -> str:
    """Return the table for people: the smallest effect by pairs and comparisons; empty where none can hold."""
    header = " | ".join(f"{number} seeds" for number in PRINTED_PAIRS)
    lines = [f"| comparisons | {header} |", "|---|" + "---|" * len(PRINTED_PAIRS)]
    for comparisons in PRINTED_COMPARISONS:
        effects = [smallest_effect(number, comparisons) for number in PRINTED_PAIRS]
        cells = " | ".join("" if effect is None else f"{effect:.2f}" for effect in effects)
        lines.append(f"| {comparisons} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
