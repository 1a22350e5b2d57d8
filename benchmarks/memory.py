"""Measure the peak memory of a short `fit` with diagnostics, beside a plain Trainer script and an earlier build.

    python -m benchmarks.memory [--data-root ../shared/data] [--steps 60] [--rounds 1] [--against 9ed1463]

The same rows of RTE, the same model, each in a process of its own, in turn. Peak memory is what the kernel counted as
resident (ru_maxrss). Prints a Markdown table; the bounds on the right are what we hold ourselves to.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.other_build import BASELINE, REPOSITORY, checked_out, environment
from headstart.errors import UsageError
from headstart.models.source import resolve_model

OF_PLAIN, OF_EARLIER = 0.85, 0.82


def main() -> None:
    """Run all measurements and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", default="embedded:minilm-l6")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--against", default=BASELINE, help="revision of the earlier build")
    arguments = parser.parse_args()
    rows = arguments.data_root / "glue" / "rte" / "train.jsonl"
    if not rows.is_file():
        raise UsageError(f"{rows} is missing", remedy="  Give --data-root, a folder with glue/rte/train.jsonl.")
    common = ["--steps", str(arguments.steps), "--batch-size", "16"]
    model = str(resolve_model(arguments.model).path)
    plain = ["-m", "benchmarks.plain_trainer", "--rows", str(rows), "--model", model, *common]
    fit = ["-m", "headstart", "fit", "--task", "glue/rte", "--data-root", str(arguments.data_root)]
    fit += ["--model", arguments.model, "--max-length", "128", "--quiet", *common]
    peaks: dict[str, list[int]] = {"plain": [], "earlier": [], "now": []}
    with checked_out(arguments.against) as earlier, tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.rounds):
            for name, build, command in (
                ("plain", REPOSITORY, plain),
                ("earlier", earlier, fit),
                ("now", REPOSITORY, [*fit, "--diagnostics"]),
            ):
                out = [] if name == "plain" else ["--out", str(Path(folder) / f"{name}-{number}")]
                peaks[name].append(peak_bytes([sys.executable, *command, *out], environment(build)))
    _print({name: max(found) for name, found in peaks.items()}, arguments.against)


def peak_bytes(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Return the most memory that a process held, in bytes.

    Raises:
        RuntimeError: if it failed.
    """
    child = os.posix_spawn(command[0], command, dict(environment), file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
    _, status, usage = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss * 1024


def _print(peaks: Mapping[str, int], against: str) -> None:
    print("| peak memory of 60 updates | MiB |")
    print("|---|---|")
    for name, label in (("plain", "plain Trainer script"), ("earlier", f"`fit` at {against}"), ("now", "`fit` now")):
        print(f"| {label} | {peaks[name] / 2**20:.0f} |")
    print()
    print("| ratio | measured | bound |")
    print("|---|---|---|")
    print(f"| now to plain | {peaks['now'] / peaks['plain']:.3f} | <= {OF_PLAIN} |")
    print(f"| now to {against} | {peaks['now'] / peaks['earlier']:.3f} | <= {OF_EARLIER} |")


if __name__ == "__main__":
    try:
        main()
    except UsageError as error:
        sys.exit(f"{error}")
