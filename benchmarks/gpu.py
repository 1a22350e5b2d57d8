"""Everything that only a GPU can show: the tests marked `cuda`, and what is asked of speed and memory there.

    python -m benchmarks.gpu [--minutes 8] [--out docs/results/gpu] [--shape large] [--device cuda] [--again]

Runs from a folder that was carried to the machine, without a network and without installing anything, on the machine's
own torch, transformers and peft. The work is in parts; each finished part is recorded in a small JSON file in `--out`,
and a later call goes on with the others. A part that the time does not suffice for is stopped and left for the next
call. What is asked and what was measured come as one table, on the screen and in `results.md`. `--device cpu` goes
through the same motions on tiny sizes; its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.gpu_claims import Claim, table
from benchmarks.model_flops import SHAPES

ROOT = Path(__file__).resolve().parents[1]
CODE = ("src", "tests", "benchmarks")
TEST_PARTS = {
    "stages": ("tests/integration/test_on_a_device.py",),
    "adapters": ("tests/integration/test_on_a_gpu.py", "-k", "adapter"),
    "quantised": ("tests/integration/test_on_a_gpu.py", "-k", "quantised"),
    "bf16": ("tests/integration/test_on_a_gpu.py", "-k", "bf16"),
}
SPEED_PARTS = {
    "speed": {"steps": 100, "batch-size": 32, "rows": 2048, "rounds": 2},
    "utilisation": {"steps": 50, "batch-size": 128, "rows": 2048, "rounds": 2},
    "compiling": {"steps": 100, "batch-size": 32, "rows": 2048, "rounds": 1},
}
"""What `benchmarks.gpu_speed` measures, and its options: large batches where the card's peak is asked for."""
ON_A_CPU = {"steps": 2, "batch-size": 4, "rows": 40, "rounds": 1}
LEAST_SECONDS = 5.0
"""What a part needs to be worth beginning."""


class OutOfTimeError(Exception):
    """The budget ended while a part was running."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what it runs on, where its results lie, and when it has to end (`time.monotonic`)."""

    device: str
    out: Path
    deadline: float
    again: bool

    def seconds_left(self) -> float:
        """Return what the budget has left."""
        return self.deadline - time.monotonic()

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in a process group of its own, which is killed when the time is over."""
        given = os.environ.get("PYTHONPATH")
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT), *([given] if given else []))),
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        if self.device == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        child = subprocess.Popen(
            (sys.executable, *arguments),
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = child.communicate(timeout=max(0.1, self.seconds_left()))
        except BaseException as error:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise OutOfTimeError from error
            raise
        return subprocess.CompletedProcess(child.args, child.returncode, output)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is not recorded yet, and write the page; 0 when every part is finished and no test failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8.0, help="all parts of this call together")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "gpu")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument(
        "--shape", choices=SHAPES, default="large", help="of the model whose speed is measured, on a GPU"
    )
    parser.add_argument("--again", action="store_true", help="run finished parts too")
    given = parser.parse_args(arguments)
    missing = missing_packages()
    if missing:
        print(f"gpu: this Python lacks: {', '.join(missing)}\n  {sys.executable}", file=sys.stderr)
        print("  Nothing was run. Name another Python: make gpu PYTHON=/path/to/python3", file=sys.stderr)
        return 2
    call = Call(given.device, given.out, time.monotonic() + 60 * given.minutes, given.again)
    machine = describe_machine()
    if call.device == "cuda" and machine["gpu"] is None:
        print("gpu: torch sees no GPU here; `--device cpu` goes through the motions", file=sys.stderr)
        return 2
    given.out.mkdir(parents=True, exist_ok=True)
    shape = given.shape if call.device == "cuda" else "tiny"
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        **{f"{what}-{shape}": partial(measure, call, what, shape) for what in SPEED_PARTS},
        **{f"tests-{name}": partial(run_tests, call, selection) for name, selection in TEST_PARTS.items()},
    }
    run_parts(call, parts, machine)
    print(f"\n{table(claims_of(read(call.out / f'{name}.json') for name in parts))}", flush=True)
    return write_page(call.out, tuple(parts))


def missing_packages() -> list[str]:
    """Return the names of our dependencies, and of the test runner, that this Python does not have."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [name_of(requirement) for requirement in (*project["dependencies"], "pytest")]
    return [name for name in names if not is_installed(name)]


def name_of(requirement: str) -> str:
    """Return the package's name alone."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def describe_machine() -> dict[str, str | None]:
    """Return what the numbers depend on: the GPU's name and the versions of the libraries."""
    import torch

    has_gpu = torch.cuda.is_available()
    versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "peft", "accelerate")}
    return {"gpu": torch.cuda.get_device_name() if has_gpu else None, "python": sys.version.split()[0], **versions}


def code_digest() -> str:
    """Return a checksum over the code: what was recorded for other code is run again."""
    whole = hashlib.sha256()
    for path in sorted(path for folder in CODE for path in (ROOT / folder).rglob("*.py")):
        whole.update(path.relative_to(ROOT).as_posix().encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


def run_parts(call: Call, parts: dict[str, Callable[[], dict[str, Any]]], machine: dict[str, str | None]) -> None:
    """Run the parts that are not recorded, in their order, and record each as soon as it is finished."""
    setting = {"code": code_digest(), "device": call.device, "machine": machine}
    for name, part in parts.items():
        file = call.out / f"{name}.json"
        if not call.again and read(file).get("setting") == setting:
            print(f"{name}: recorded already", flush=True)
            continue
        if call.seconds_left() < LEAST_SECONDS:
            print(f"{name}: no time left; call again", flush=True)
            continue
        begin = time.monotonic()
        try:
            found = part()
        except OutOfTimeError:
            print(f"{name}: stopped, the time is over; call again", flush=True)
            continue
        record = {"setting": setting, "wall_seconds": round(time.monotonic() - begin, 1), **found}
        temporary = file.with_suffix(".tmp")
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        temporary.replace(file)
        print(f"{name}: {found['summary']}", flush=True)


def read(file: Path) -> dict[str, Any]:
    """Return a part's record; nothing where it is missing or was cut off."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def run_tests(call: Call, selection: tuple[str, ...]) -> dict[str, Any]:
    """Run tests marked `cuda`; other versions of the libraries may warn."""
    done = call.python("-m", "pytest", "-q", "-m", "cuda", "-p", "no:cacheprovider", "-W", "default", *selection)
    lines = done.stdout.strip().splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    is_good = done.returncode == 0
    summary = lines[-1].strip("= ") if lines else "no output"
    return {"summary": summary, "ok": is_good, "failed": failed, "tail": [] if is_good else lines[-60:]}


def measure(call: Call, what: str, shape: str) -> dict[str, Any]:
    """Return speed and memory by turns, of a plain Trainer and of headstart, beside what is asked of them."""
    options = SPEED_PARTS[what] if call.device == "cuda" else ON_A_CPU
    with tempfile.TemporaryDirectory(prefix="headstart-gpu-") as folder:
        done = call.python(
            *("-m", "benchmarks.gpu_speed", "--what", what, "--device", call.device, "--folder", folder),
            *("--shape", shape, *(word for name, value in options.items() for word in (f"--{name}", str(value)))),
        )
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0:
        return {"summary": f"failed: {lines[-1] if lines else ''}", "ok": False, "tail": lines[-40:]}
    values = json.loads(lines[-1])
    return {"summary": "; ".join(in_words(*side) for side in values["sides"].items()), "ok": True, **values}


def in_words(side: str, turns: list[dict[str, float]]) -> str:
    """Return what one side's turns came to."""
    rates = ", ".join(f"{turn['examples_per_second']:.0f}" for turn in turns)
    peaks = [turn["peak_bytes"] / 2**20 for turn in turns if "peak_bytes" in turn]
    return f"{side} {rates} examples/s" + (f", {max(peaks):.0f} MiB" if peaks else "")


def claims_of(records: Iterable[dict[str, Any]]) -> list[Claim]:
    """Return what is asked in all records, beside what was measured."""
    return [claim for record in records for claim in record.get("claims", [])]


def write_page(out: Path, names: tuple[str, ...]) -> int:
    """Write what the records say as `results.md`; return 0 when all are there and good."""
    records = {name: read(out / f"{name}.json") for name in names}
    known = {name: record for name, record in records.items() if record}
    lines = ["# On a GPU", "", "Written by `make gpu` from the JSON files beside it.", ""]
    settings = {json.dumps(record["setting"], sort_keys=True): record["setting"] for record in known.values()}
    for setting in settings.values():
        machine = setting["machine"]
        versions = ", ".join(f"{name} {value}" for name, value in machine.items() if name != "gpu")
        where = machine["gpu"] or "no GPU"
        dry = " (a dry run on tiny sizes: the numbers mean nothing)" if setting["device"] == "cpu" else ""
        lines += [f"Device: {setting['device']}, {where}{dry}; {versions}; code {setting['code']}.", ""]
    if claims := claims_of(known.values()):
        lines += [table(claims), ""]
    lines += ["| part | result |", "|---|---|"]
    lines += [f"| {name} | {records[name].get('summary', 'not run yet')} |" for name in names]
    models = sorted({record["model"] for record in known.values() if "model" in record})
    lines += ["", *(f"Model for the speed: {model}." for model in models)]
    (out / "results.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return 0 if len(known) == len(names) and all(record["ok"] for record in known.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
