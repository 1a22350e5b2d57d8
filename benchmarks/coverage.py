"""Simulate what intervals that say 95 % cover with few values, and write the file that reports read.

    python -m benchmarks.coverage [--samples 20000] [--resamples 2000] [--out src/headstart/stats/coverage.json]

Takes well under a minute on one core. Prints a Markdown table, the one in docs/statistics.md.

Letters: s samples, n values of a sample, b resamples.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy

from headstart.atomic_files import atomic_path
from headstart.stats.coverage import TABLE_FILE, Method, Shape
from headstart.stats.limits import Values, bca_limits, percentile_limits, t_limits

NUMBERS_OF_VALUES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30)
PRINTED_NUMBERS = (3, 5, 10, 20)
CONFIDENCE = 0.95
SAMPLES_PER_DRAW = 500

Table = dict[Shape, dict[Method, dict[int, float]]]


def main() -> None:
    """Simulate, write the file and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--resamples", type=int, default=2_000)
    parser.add_argument("--out", type=Path, default=TABLE_FILE)
    arguments = parser.parse_args()
    table: Table = {shape: {method: {} for method in Method} for shape in Shape}
    for shape in Shape:
        for num_values in NUMBERS_OF_VALUES:
            coverage = simulate(shape, num_values, num_samples=arguments.samples, num_resamples=arguments.resamples)
            for method, share in coverage.items():
                table[shape][method][num_values] = round(share, 3)
    with atomic_path(arguments.out) as path:
        path.write_text(table_text(table, arguments.samples, arguments.resamples))
    print(markdown(table))


def simulate(shape: Shape, num_values: int, *, num_samples: int, num_resamples: int) -> dict[Method, float]:
    """Return the share of intervals that hold zero, the true mean; the same at each call."""
    generator = numpy.random.default_rng([num_values, list(Shape).index(shape)])
    covered: dict[Method, int] = dict.fromkeys(Method, 0)
    for size in _sizes(num_samples):
        samples = draw(shape, generator, (size, num_values))
        picked = generator.integers(0, num_values, size=(num_resamples, num_values))
        # Samples drawn together share their resamples, as those of `percentile_bootstrap` at one seed do.
        counts = (picked[:, :, None] == numpy.arange(num_values)).sum(axis=1)
        means = samples @ counts.T / num_values
        for method, limits in _limits(samples, means).items():
            covered[method] += int(((limits[:, 0] <= 0.0) & (limits[:, 1] >= 0.0)).sum())
    return {method: count / num_samples for method, count in covered.items()}


def draw(shape: Shape, generator: numpy.random.Generator, size: tuple[int, int]) -> Values:
    """Return values [s, n] with mean zero."""
    match shape:
        case Shape.NORMAL:
            return generator.standard_normal(size)
        case Shape.COARSE:
            return numpy.round(generator.standard_normal(size))
        case Shape.SKEWED:
            return generator.standard_exponential(size) - 1.0
        case Shape.HEAVY_TAILED:
            return generator.standard_t(3, size)


def table_text(table: Table, num_samples: int, num_resamples: int) -> str:
    """Return the JSON file that holds the table, a line per method."""
    lines = ["{", f'  "num_samples": {num_samples},', f'  "num_resamples": {num_resamples},', '  "coverage": {']
    for shape, by_method in table.items():
        rows = [f'      "{method}": {json.dumps(by_number)}' for method, by_number in by_method.items()]
        is_last = shape == list(table)[-1]
        lines += [f'    "{shape}": {{', ",\n".join(rows), "    }" if is_last else "    },"]
    return "\n".join([*lines, "  }", "}", ""])


def markdown(table: Table) -> str:
    """Return the table for people: per cent at a few numbers of values."""
    header = " | ".join(f"n = {number}" for number in PRINTED_NUMBERS)
    lines = [f"| differences | interval | {header} |", "|---|---|" + "---|" * len(PRINTED_NUMBERS)]
    for shape, by_method in table.items():
        for method, by_number in by_method.items():
            shares = " | ".join(f"{100 * by_number[number]:.1f}" for number in PRINTED_NUMBERS)
            lines.append(f"| {shape} | {method} | {shares} |")
    return "\n".join(lines)


def _limits(samples: Values, means: Values) -> dict[Method, Values]:
    return {
        Method.PAIRED_T: t_limits(samples, CONFIDENCE),
        Method.PERCENTILE: percentile_limits(means, CONFIDENCE),
        Method.BCA: bca_limits(samples, means, CONFIDENCE),
    }


def _sizes(num_samples: int) -> Iterator[int]:
    for begin in range(0, num_samples, SAMPLES_PER_DRAW):
        yield min(SAMPLES_PER_DRAW, num_samples - begin)


if __name__ == "__main__":
    main()
