"""Measure `headstart serve` beside FastAPI around `transformers.pipeline`, on one model and the same texts, in turn.

    python -m benchmarks.serving [--file rows.csv --text text] [--clients 1,64] [--seconds 10] [--rounds 3]
    python -m benchmarks.serving --memory-minutes 10

The model is MiniLM with a fresh head, exported as ONNX for the one and as a plain folder for the other. Servers and
clients share this machine; each client asks for one text, waits for the answer and asks again. Prints a Markdown table
for each number of clients: the median of the rounds, and the processor time of the server for a request.

With --memory-minutes the server is asked for a minute as much as 64 clients can, which makes its batches as large as
they get, and then for so many minutes at nine tenths of what it answered; texts have 1 to 150 words. The resident
memory of its process is printed after each minute.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.load import Load, put_load
from benchmarks.other_build import REPOSITORY
from benchmarks.predicting import save_model, texts_of
from headstart.models.own_process import prepare_process
from headstart.onnx_export.export import export_onnx
from headstart.onnx_export.options import ExportOptions

BOUNDS = {1: 1.5, 64: 5.0}
"""By clients: how many times as many requests a second headstart answers."""
FULL_SECONDS = 60.0
GROWTH = 1.0
"""Megabytes a minute by which the server may grow."""
START_SECONDS = 120
SERVE, PLAIN = "headstart serve", "FastAPI and pipeline"


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", help="A table with texts. (Default: sentences of the built-in demo.)")
    parser.add_argument("--text", default="text")
    parser.add_argument("--clients", default="1,64")
    parser.add_argument("--seconds", type=float, default=10.0, help="Of each measurement.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-minutes", type=int, default=0)
    arguments = parser.parse_args()
    prepare_process()
    texts = texts_of(arguments.file, arguments.text, 1_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        num_tokens = save_model(folder / "model", texts)
        export_onnx(folder / "model", folder / "onnx", ExportOptions(format="onnx"))
        if arguments.memory_minutes:
            _watch_memory(folder, arguments.memory_minutes)
            return
        print(f"texts of {num_tokens:.1f} tokens; load of the machine {os.getloadavg()[0]:.1f}\n", flush=True)
        for num_clients in map(int, arguments.clients.split(",")):
            _print(num_clients, _measure(folder, texts, num_clients, arguments.seconds, arguments.rounds))


@dataclass(frozen=True)
class Measured:
    """A load, and the processor time that the server took for it."""

    load: Load
    cpu_seconds: float

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor time of an answered request, which other programs hardly change."""
        return 1e3 * self.cpu_seconds / len(self.load.latencies_s)


def _measure(
    folder: Path, texts: Sequence[str], num_clients: int, seconds: float, rounds: int
) -> dict[str, list[Measured]]:
    found: dict[str, list[Measured]] = {SERVE: [], PLAIN: []}
    with _headstart(folder / "onnx") as ours, _plain(folder / "model") as theirs:
        for port, _ in (ours, theirs):
            put_load(port, texts, num_clients=num_clients, seconds=2.0)
        for number in range(rounds):
            for name, (port, process) in ((SERVE, ours), (PLAIN, theirs)):
                before = _cpu_seconds(process.pid)
                load = put_load(port, texts, num_clients=num_clients, seconds=seconds)
                found[name].append(Measured(load, _cpu_seconds(process.pid) - before))
                print(f"round {number + 1}, {name}: {load.rate:.1f} a second", file=sys.stderr)
    return found


def _print(num_clients: int, found: dict[str, list[Measured]]) -> None:
    ratio = median(each.load.rate for each in found[SERVE]) / median(each.load.rate for each in found[PLAIN])
    bound = f", asked for {BOUNDS[num_clients]}" if num_clients in BOUNDS else ""
    print(f"{num_clients} clients: {ratio:.2f} times as many requests{bound}\n")
    print("| | requests a second | of the rounds | p50 ms | p95 ms | p99 ms | processor ms | not answered |")
    print("|---|---:|---|---:|---:|---:|---:|---:|")
    for name, measured in found.items():
        loads = [each.load for each in measured]
        cpu, rates = median(each.cpu_ms for each in measured), [load.rate for load in loads]
        times = " | ".join(f"{median(load.percentile_ms(each) for load in loads):.1f}" for each in (50, 95, 99))
        failed = sum(load.statuses.total() - load.statuses[200] for load in loads)
        print(
            f"| {name} | {median(rates):.1f} | {min(rates):.1f} to {max(rates):.1f} | {times} | {cpu:.2f} | {failed} |"
        )
    print(flush=True)


def _watch_memory(folder: Path, minutes: int) -> None:
    generator = np.random.default_rng(0)
    words = " ".join(texts_of(None, "", 200)).split()
    texts = [" ".join(generator.choice(words, generator.integers(1, 151))) for _ in range(2_000)]
    with _headstart(folder / "onnx") as (port, process):
        most = put_load(port, texts, num_clients=64, seconds=FULL_SECONDS).rate
        said = f"{most:.1f} requests a second at most, then {_resident_mb(process.pid):.1f} MB resident"
        print(f"{said}; asked for {0.9 * most:.1f}\n", flush=True)
        print("| minute | requests a second | p99 ms | not answered | MB resident |")
        print("|---:|---:|---:|---:|---:|")
        resident = []
        for minute in range(1, minutes + 1):
            load = put_load(port, texts, num_clients=64, seconds=60.0, rate=0.9 * most)
            resident.append(_resident_mb(process.pid))
            failed = load.statuses.total() - load.statuses[200]
            print(
                f"| {minute} | {load.rate:.1f} | {load.percentile_ms(99):.0f} | {failed} | {resident[-1]:.1f} |",
                flush=True,
            )
    if minutes > 1:
        slope = float(np.polyfit(np.arange(minutes), resident, 1)[0])
        print(f"\ngrowth: {slope:.2f} MB a minute, asked for under {GROWTH}")


def _resident_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _cpu_seconds(process: int) -> float:
    """Return the processor time of a process so far, user and system."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _headstart(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    with _running(["-m", "headstart_runtime", "serve", str(folder)]) as running:
        yield running


@contextmanager
def _plain(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    with _running(["-m", "benchmarks.plain_server", str(folder)], port_flag=()) as running:
        yield running


@contextmanager
def _running(
    command: Sequence[str], *, port_flag: Sequence[str] = ("--port",)
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start a server; yield its port and process once it listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    paths = os.pathsep.join(str(REPOSITORY / each) for each in ("src", "runtime/src", "."))
    environment = {**os.environ, "PYTHONPATH": paths}
    process = subprocess.Popen(
        [sys.executable, *command, *port_flag, str(port)], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        yield port, process
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{process.args} does not listen")


if __name__ == "__main__":
    main()
