"""What a kill costs: processor time of a killed and repeated `fit` and `predict`, beside that of an uninterrupted one.

    python -m benchmarks.kill_cost [--data-root ../shared/data] [--steps 1500] [--copies 40] [--share 0.5]
        [--out runs/kill-cost]

Each verb runs once to its end, and once more in a folder of its own: killed after a share of the first one's time, then
repeated. Processor seconds count all of a command, imports included. The embedded encoder, SST-2: `fit --strategy
finetune` makes `--steps` updates, and its model answers the validation rows `--copies` times over.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from headstart.data.loading import load_task

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Measure both verbs and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--copies", type=int, default=40)
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "kill-cost")
    given = parser.parse_args()
    shutil.rmtree(given.out, ignore_errors=True)
    given.out.mkdir(parents=True)
    fit = ["fit", "--task", "glue/sst2", "--data-root", str(given.data_root), "--strategy", "finetune", "-q"]
    found = {"fit": compared([*fit, "--steps", str(given.steps)], given.out, "model", given.share)}
    rows = write_rows(given.data_root, given.out / "rows.jsonl", given.copies)
    predict = ["predict", str(given.out / "whole-model"), str(rows), "-q"]
    found["predict"] = compared(predict, given.out, "answers.csv", given.share)
    (given.out / "kill-cost.json").write_text(json.dumps(found, indent=2) + "\n")


def write_rows(data_root: Path, file: Path, copies: int) -> Path:
    """Write the validation rows several times over."""
    texts = load_task("glue/sst2", data_root=data_root).evaluation.texts
    lines = [json.dumps({"sentence": text}) for (text, *_) in texts or ()]
    file.write_text("".join(f"{line}\n" for line in lines * copies))
    return file


def compared(command: list[str], out: Path, name: str, share: float) -> dict[str, float]:
    """Run a verb to its end, then killed and repeated; return the processor seconds of both."""
    begin = time.perf_counter()
    whole = spent(command, out / f"whole-{name}")
    seconds = time.perf_counter() - begin
    first = spent(command, out / f"killed-{name}", kill_after=share * seconds)
    second = spent(command, out / f"killed-{name}")
    ratio = (first + second) / whole
    print(
        f"{command[0]}: {whole:.1f} s, killed after {first:.1f} s and repeated in {second:.1f} s: {ratio:.3f}",
        flush=True,
    )
    return {"whole": whole, "killed": first, "repeated": second, "ratio": ratio}


def spent(command: list[str], out: Path, *, kill_after: float | None = None) -> float:
    """Run a verb, or kill it after so many seconds; return its processor seconds."""
    before = _children()
    process = subprocess.Popen([sys.executable, "-m", "headstart", *command, "--out", str(out)])
    try:
        code = process.wait(kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    else:
        if code or kill_after is not None:
            raise SystemExit(f"{command[0]} ended with {code}, and was to be {'killed' if kill_after else 'whole'}")
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
