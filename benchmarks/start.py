"""Measure what passes before headstart says something that needs no model: CPU time of whole processes, in turn.

    python -m benchmarks.start [--against 9ed1463] [--rounds 3]

Prints a Markdown table: the least CPU seconds (user and system) of each call, of this tree and of the other revision,
which is checked out in a temporary worktree and read by the same Python. The last column says whether torch came in.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.other_build import BASELINE, REPOSITORY, checked_out, environment

STORE = REPOSITORY / "tests" / "data" / "stores" / "schema-2"
MOST_SECONDS = 0.5
ROWS = "text,label\n" + "".join(f"row {number} of them,{('bad', 'good')[number % 2]}\n" for number in range(40))

CALLS = {
    "--help": "--help",
    "fit --help": "fit --help",
    "fit: no such file": "fit nowhere.csv",
    "fit: no such column": "fit rows.csv --label stars",
    "fit: a wrong option": "fit rows.csv --batch-size 0",
    "fit: an option without use": "fit rows.csv --strategy finetune --adapter lora",
    "fit: a loss that does not fit": "fit rows.csv --kind multi_label --separator ; --loss balanced_softmax",
    "compare: no such file": "compare nowhere.csv --strategies finetune,eh_ft --seeds 6",
    "fit: no rows to evaluate on": "fit rows.csv --evaluate-on nowhere.csv",
    "predict: no such file": "predict model nowhere.csv --out predictions.csv",
    "export: no such run": f"export {STORE} 0123/0 --out model",
    "inspect": "inspect rows.csv",
    "runs": f"runs {STORE}",
    "plan": f"plan {STORE}",
    "report": f"report {STORE} --format md",
}

PROGRAM = """
import sys
from headstart.cli.main import main
sys.argv[0] = "headstart"
try:
    main()
finally:
    print("torch" if "torch" in sys.modules else "light", file=open(3, "w"))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", default=BASELINE, help="A git revision to measure in the same run.")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, checked_out(arguments.against) as other:
        trees = {"this tree": REPOSITORY, arguments.against: other}
        (Path(folder) / "rows.csv").write_text(ROWS)
        names = list(trees)
        print("|".join(["", "call", *(f"{name}, CPU s" for name in names), "share", "torch here", ""]))
        print("|---|" + "---:|" * (len(names) + 1) + "---|")
        for name, call in CALLS.items():
            # The first round fills Python's cache of compiled files.
            taken = [[_measure(tree, call, folder) for tree in trees.values()] for _ in range(arguments.rounds + 1)]
            rounds = taken[1:]
            seconds = [min(each[index][0] for each in rounds) for index in range(len(names))]
            shown = [
                f"{each:.2f}{' (over)' if index == 0 and each > MOST_SECONDS else ''}"
                for index, each in enumerate(seconds)
            ]
            imported = "yes" if rounds[0][0][1] else "no"
            print("|".join(["", name, *shown, f"{seconds[0] / seconds[1]:.2f}", imported, ""]), flush=True)


def _measure(tree: Path, call: str, folder: str) -> tuple[float, bool]:
    """Return the CPU seconds of one call, and whether it imported torch."""
    read, write = os.pipe()
    arguments = [sys.executable, "-c", PROGRAM, *call.split()]
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for target in (0, 1, 2):
            os.dup2(nowhere, target)
        os.dup2(write, 3)
        os.execve(sys.executable, arguments, environment(tree))
    os.close(write)
    with os.fdopen(read) as pipe:
        imported = pipe.read().strip()
    _, _, usage = os.wait4(child, 0)
    return usage.ru_utime + usage.ru_stime, imported == "torch"


if __name__ == "__main__":
    main()
