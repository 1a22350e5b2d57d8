"""Measure how long rows take to be read.

The training rows of SST-2 until a model could read them: 67 k rows, once cold, once cached; and a JSON array.

    python -m benchmarks.reading [--data-root ../shared/data] [--model embedded:minilm-l6] [--rounds 2]

Modules and tokenizer are loaded before the clock starts; the cache is a temporary folder. Prints a Markdown table with
the slowest round; the bounds on the right are what we hold ourselves to.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from headstart.data.loading import load_task
from headstart.data.token_cache import cached_tokens
from headstart.errors import UsageError
from headstart.models.loading import load_tokenizer
from headstart.models.source import resolve_model
from headstart.tables.reading import read_table

TASK, MAX_LENGTH = "glue/sst2", 128
COLD_BOUND_SECONDS, CACHED_BOUND_SECONDS = 20.0, 3.0
ARRAY_ROWS, ARRAY_BOUND_SECONDS = 8_000, 1.0


@dataclass(frozen=True)
class Measurement:
    """Seconds of one pass, and how many rows it brought."""

    read: float
    tokenise: float
    num_rows: int


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", default="embedded:minilm-l6")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    cold, cached = [], []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["HEADSTART_CACHE"] = folder
            cold.append(_measure(arguments.data_root, arguments.model))
            cached.append(_measure(arguments.data_root, arguments.model))
    print(f"{cold[0].num_rows} rows of {TASK}\n")
    print("| | read and check, s | tokenise, s | together, s | bound, s |")
    print("|---|---|---|---|---|")
    for name, measured, bound in (("cold", cold, COLD_BOUND_SECONDS), ("cached", cached, CACHED_BOUND_SECONDS)):
        slowest = max(measured, key=lambda each: each.read + each.tokenise)
        together = slowest.read + slowest.tokenise
        print(f"| {name} | {slowest.read:.2f} | {slowest.tokenise:.2f} | {together:.2f} | < {bound:g} |")
    seconds = max(_array_seconds() for _ in range(arguments.rounds))
    print(f"\nA .json array of {ARRAY_ROWS} rows: {seconds:.2f} s (bound: {ARRAY_BOUND_SECONDS:g} s)")


def _array_seconds() -> float:
    rows = [{"text": f"row {number} \N{GRINNING FACE} " * 8, "label": "ab"[number % 2]} for number in range(ARRAY_ROWS)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        path.write_text(json.dumps(rows))
        begin = time.perf_counter()
        table = read_table(path)
    assert table.num_rows == ARRAY_ROWS
    return time.perf_counter() - begin


def _measure(data_root: Path, model: str) -> Measurement:
    # A tokenizer of its own: the first call of one is slower.
    tokenizer = load_tokenizer(resolve_model(model))
    begin = time.perf_counter()
    rows = load_task(TASK, data_root=data_root).training
    read = time.perf_counter()
    tokens = cached_tokens(rows, tokenizer, max_length=MAX_LENGTH)
    return Measurement(read=read - begin, tokenise=time.perf_counter() - read, num_rows=len(tokens))


if __name__ == "__main__":
    try:
        main()
    except UsageError as error:
        sys.exit(f"{error}")
