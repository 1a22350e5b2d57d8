"""Measure what a report's checks of a store's runs cost beside the report.

    python -m benchmarks.checks STORE [--rounds 5]

Processor time of what holds every run to its checksums, as a share of the report and its page; the bound is 2 %. Give a
store that `headstart compare` made: the runs of one made up for a test have fewer files.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from headstart.comparison.report import read_report
from headstart.manifest import Manifest
from headstart.reports.html import write_html
from headstart.store.layout import RunFolder
from headstart.store.run_manifest import damaged_for_reports

BOUND_PERCENT = 2.0
REPEATS = 20
"""Times that the checks are made per round: once takes less than the clock can tell."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    runs = [path.parent for path in arguments.store.glob("*/seed-*/run.json")]
    reports, checks = [], []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.process_time()
            write_html(read_report(arguments.store), Path(folder) / "report.html")
            reports.append((time.process_time() - begin) / len(runs))
        checks.append(_checks(runs) / len(runs))
    share = 100 * median(checks) / median(reports)
    print(
        f"{len(runs)} runs: report and page {median(reports) * 1e3:.2f} ms each, checks {median(checks) * 1e6:.0f} us"
    )
    print(f"checks: {share:.2f} % (bound {BOUND_PERCENT:g} %)")


def _checks(runs: list[Path]) -> float:
    begin = time.process_time()
    for _ in range(REPEATS):
        for run in runs:
            manifest = Manifest.read(run)
            assert manifest is not None, f"{run} has no checksums"
            assert not manifest.damage_of("run.json", (run / "run.json").read_bytes())
            assert not damaged_for_reports(RunFolder(run), manifest)
    return (time.process_time() - begin) / REPEATS


if __name__ == "__main__":
    main()
