"""Measure how long a table takes to be read beside pandas, and how much memory, by format.

Every format holds the same rows: a number, a text of twenty words, one of three classes. Each reading is a process of
its own, ours and pandas' by turns, so that its peak of memory is its own; imports are done before the clock starts.

    python -m benchmarks.table_formats [--rows 100000] [--rounds 3] [--formats csv,parquet]

Prints a Markdown table of the fastest rounds; the bounds on the right are what we hold ourselves to.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas

SECONDS_BOUND, MEMORY_BOUND = 3.0, 1.5
"""Times what pandas takes."""
WRITERS: dict[str, Callable[[pandas.DataFrame, Path], object]] = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "json": lambda frame, path: frame.to_json(path, orient="records"),
    "parquet": lambda frame, path: frame.to_parquet(path),
    "feather": lambda frame, path: frame.to_feather(path),
    "xlsx": lambda frame, path: frame.to_excel(path, index=False, engine="xlsxwriter"),
    "dta": lambda frame, path: frame.to_stata(path, write_index=False),
}
"""How pandas writes each."""
PANDAS = {
    "csv": "pandas.read_csv(path)",
    "tsv": "pandas.read_csv(path, sep='\\t')",
    "jsonl": "pandas.read_json(path, lines=True)",
    "json": "pandas.read_json(path)",
    "parquet": "pandas.read_parquet(path)",
    "feather": "pandas.read_feather(path)",
    "xlsx": "pandas.read_excel(path, engine='calamine')",
    "dta": "pandas.read_stata(path)",
}
"""How pandas reads each."""
MEASURED = r"""
import json, re, sys, time
{imports}
path = sys.argv[1]
begin = time.perf_counter()
table = {read}
seconds = time.perf_counter() - begin
# Not getrusage's: a process that was started from a large one begins with its peak.
peak = int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) / 1024
print(json.dumps([seconds, peak, {count}]))
"""
OURS = MEASURED.format(
    imports="import pyarrow.parquet, python_calamine, pyreadstat\n"
    "from headstart.tables import arrow_tables, reading, spreadsheets, statistics_files",
    read="reading.read_table(path)",
    count="table.num_rows",
)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--formats", type=lambda text: text.split(","), default=list(WRITERS))
    arguments = parser.parse_args()
    bounds = f"{SECONDS_BOUND:g} times pandas' seconds, {MEMORY_BOUND:g} times its memory"
    print(f"{arguments.rows} rows, fastest of {arguments.rounds} rounds; bounds: {bounds}\n")
    print("| | file, MB | ours, s | pandas, s | times | ours, MB | pandas, MB | times | |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        frame = _rows(arguments.rows)
        for name in arguments.formats:
            path = Path(folder) / f"rows.{name}"
            WRITERS[name](frame, path)
            print(_line(name, path, arguments.rows, arguments.rounds), flush=True)
            path.unlink()


def _rows(number: int) -> pandas.DataFrame:
    draw = random.Random(0)
    words = [f"word{number}" for number in range(5000)]
    texts = [" ".join(draw.choices(words, k=20)) for _ in range(number)]
    return pandas.DataFrame(
        {"id": range(number), "text": texts, "label": draw.choices(["good", "so so", "bad"], k=number)}
    )


def _line(name: str, path: Path, num_rows: int, rounds: int) -> str:
    theirs = MEASURED.format(imports="import pandas, pyarrow", read=PANDAS[name], count="len(table)")
    ours, pandas_ = [], []
    for _ in range(rounds):
        ours.append(_measured(OURS, path, num_rows))
        pandas_.append(_measured(theirs, path, num_rows))
    (seconds, memory), (their_seconds, their_memory) = (
        tuple(map(min, zip(*each, strict=True))) for each in (ours, pandas_)
    )
    times, more = seconds / their_seconds, memory / their_memory
    verdict = "" if times <= SECONDS_BOUND and more <= MEMORY_BOUND else "over the bound"
    spent = f"{seconds:.2f} | {their_seconds:.2f} | {times:.1f}"
    held = f"{memory:.0f} | {their_memory:.0f} | {more:.1f}"
    return f"| {name} | {path.stat().st_size / 1e6:.1f} | {spent} | {held} | {verdict} |"


def _measured(code: str, path: Path, num_rows: int) -> tuple[float, float]:
    """Return seconds and the peak of memory in MB of one reading in a process of its own."""
    result = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    seconds, peak, read = json.loads(result.stdout)
    assert read == num_rows, f"{path.name}: {read} of {num_rows} rows were read"
    return seconds, peak


if __name__ == "__main__":
    main()
