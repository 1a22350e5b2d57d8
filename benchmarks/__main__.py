"""Measure headstart beside a plain `transformers.Trainer` script: same rows of RTE, same model, in turn (A B A B).

    python -m benchmarks [--data-root ../shared/data] [--steps 60] [--rounds 2]

Every measurement is a process of its own, so that peak memory is its own. Prints a Markdown table; the bounds on the
right are what we hold ourselves to.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from headstart.errors import UsageError
from headstart.models.source import resolve_model

Measurement = dict[str, float]


def main() -> None:
    """Run all measurements and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", default="embedded:minilm-l6")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    rows = arguments.data_root / "glue" / "rte" / "train.jsonl"
    if not rows.is_file():
        raise UsageError(f"{rows} is missing", remedy="  Give --data-root, a folder with glue/rte/train.jsonl.")
    common = ["--steps", str(arguments.steps), "--batch-size", str(arguments.batch_size)]
    ours = ["benchmarks.headstart_side", "--data-root", str(arguments.data_root), "--model", arguments.model, *common]
    plain = [
        "benchmarks.plain_trainer",
        "--rows",
        str(rows),
        "--model",
        str(resolve_model(arguments.model).path),
        *common,
    ]
    forward = ["benchmarks.forward_pass", "--data-root", str(arguments.data_root), "--model", arguments.model]
    commands = {
        "plain": plain,
        "auto": [*ours, "--precision", "auto"],
        "fp32": [*ours, "--precision", "fp32"],
        "eh_ft": [*ours, "--strategy", "eh_ft"],
        "probe": [*ours, "--strategy", "linear_probe"],
        "forward": forward,
    }
    measured: dict[str, list[Measurement]] = {name: [] for name in commands}
    for number in range(arguments.rounds):
        for name, command in commands.items():
            measured[name].append(_measure(command))
            print(f"round {number + 1} {name}: {measured[name][-1]}", file=sys.stderr, flush=True)
    _print(measured)


def _measure(command: list[str]) -> Measurement:
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def _print(measured: dict[str, list[Measurement]]) -> None:
    speed = {name: median(each["examples"] / each["seconds"] for each in runs) for name, runs in measured.items()}
    seconds = {name: median(each["seconds"] for each in runs) for name, runs in measured.items()}
    checks = median(each["checks_seconds"] / each["seconds"] for each in measured["auto"])
    print("| | examples per second | peak memory, MiB |")
    print("|---|---|---|")
    for name in ("plain", "auto", "fp32", "eh_ft"):
        peak = max(each["peak_bytes"] for each in measured[name]) / 2**20
        print(f"| {name} | {speed[name]:.1f} | {peak:.0f} |")
    print()
    print("| ratio | measured | bound |")
    print("|---|---|---|")
    print(
        f"| headstart ({measured['auto'][0]['precision']}) to plain | {speed['auto'] / speed['plain']:.2f} | >= 2.2 |"
    )
    print(f"| headstart (fp32) to plain | {speed['fp32'] / speed['plain']:.2f} | >= 1.2 |")
    print(f"| EH-FT to fine-tuning, seconds | {seconds['eh_ft'] / seconds['auto']:.3f} | <= 1.05 |")
    print(f"| linear probe to one forward pass, seconds | {seconds['probe'] / seconds['forward']:.2f} | <= 1.5 |")
    print(f"| checks to training, seconds | {checks:.4f} | < 0.01 |")


if __name__ == "__main__":
    try:
        main()
    except UsageError as error:
        sys.exit(f"{error}")
