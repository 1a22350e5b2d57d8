"""`fit --strategy auto` beside single strategies and rivals: small tables, the same encoder, accuracy against cost.

    python -m benchmarks.tables [--data-root ../shared/data] [--out runs/tables] [--tables SST-2-250 CB]
        [--tools auto-3m lp_ft:fit tfidf] [--limits none 180] [--seeds 0 1 2] [--cores 1] [--note "beside other work"]
        [--python setfit=/venv/bin/python autogluon=...] [--page FOLDER]

Each tool fits each draw of each table in a process of its own; wall and CPU seconds are counted from its start until
the model is fitted, imports included, and the test rows are answered afterwards. Rivals that need an environment of
their own run where `--python` names one, and are left out otherwise. Under `--limits 180` a tool is stopped after so
many seconds, and what has no model by then has no answer; `auto` keeps a limit of its own and is not run under
another. What is chosen runs in the order given, the first seed of all tables before the second, one after another on
all cores that it takes, or on `--cores`: wall time is measured on a quiet machine, or `--note` says what was beside it.

Each finished cell (tool, table, seed, limit) is recorded at once and never repeated: a killed call goes on.

Draws of SST-2, Banking77, RTE and CoLA are random rows of each class; the test rows are always all of the published
validation (Banking77: test) rows. CB has 250 rows: its draws are the same rows with other seeds. A single strategy
trains on all rows of its draw: it is given a few rows of the test table to report on, and chooses nothing on them. Its
head is the usual one, `native`, and with `+linear` (`lp_ft:fit+linear`) one that reads the vector that the encoder was
trained for.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.rivals import RIVALS, read
from benchmarks.tables_page import Result, write_tables
from headstart.atomic_files import output_path, write_json
from headstart.data.examples import Split, TaskData
from headstart.data.few_rows import with_rows_per_class
from headstart.data.loading import load_task
from headstart.data.user_rows import load_file
from headstart.models.source import resolve_model
from headstart.tables.file_options import FileOptions

ROOT = Path(__file__).resolve().parents[1]
MODEL = "embedded:minilm-l6"
AUTO = {f"auto-{limit}": limit for limit in ("1m", "3m", "2m", "15m")}
SINGLE = (
    "finetune",
    "linear_probe:fit",
    "lp_ft",
    "lp_ft:fit",
    "eh_ft",
    "eh_ft:refit",
    "adapter",
    "contrastive",
)
LINEAR = "+linear"
TOOLS = (*AUTO, *SINGLE, *(f"{name}{LINEAR}" for name in SINGLE), *RIVALS)
USUAL_TOOLS = tuple(name for name in TOOLS if name not in ("auto-2m", "auto-15m"))
LOOK = 50
"""Rows that a single strategy reports on while it trains."""
OWN_ENVIRONMENT = ("setfit", "autogluon", "autointent")


@dataclass(frozen=True, slots=True)
class TableOfRows:
    """A table of the benchmark: a named task or a file, and how many rows of each class are drawn (None for all)."""

    name: str
    source: str
    rows_per_class: int | None
    metric: str = "accuracy"


TABLES = (
    TableOfRows("SST-2-250", "glue/sst2", 250),
    TableOfRows("Banking77-8", "user/banking77", 8),
    TableOfRows("RTE-250", "glue/rte", 250),
    TableOfRows("CB", "super_glue/cb", None),
    TableOfRows("CoLA-250", "glue/cola", 250, "matthews_correlation"),
    TableOfRows("Banking77", "user/banking77", None),
)
USUAL_TABLES = tuple(table.name for table in TABLES[:4])


@dataclass(frozen=True, slots=True)
class Job:
    """One contender on one draw of a table; `folder` is its own."""

    contender: str
    table: TableOfRows
    draw: int
    folder: Path
    train: Path
    test: Path
    look: Path
    limit: float | None
    python: str
    note: str = ""

    def command(self, began: float) -> list[str]:
        """Return the process that fits, and for rivals answers too."""
        if self.contender in RIVALS:
            limit = [] if self.limit is None else ["--limit", str(self.limit)]
            model = str(resolve_model(MODEL).path)
            script = str(ROOT / "benchmarks" / "rivals.py")
            tables = [str(self.train), str(self.test), str(self.folder / "answers.json")]
            options = ["--model", model, "--seed", str(self.draw), "--began", str(began), *limit]
            return [self.python, script, self.contender, *tables, *options]
        return [
            *(sys.executable, "-m", "headstart", "fit", str(self.train), "--text", "text"),
            *(["--text-pair", "text_pair"] if "text_pair" in _header(self.train) else []),
            *(
                "--label",
                "label",
                "--model",
                MODEL,
                "--seed",
                str(self.draw),
                "--out",
                str(self.folder / "model"),
                "-q",
            ),
            *self._strategy(),
        ]

    def _strategy(self) -> list[str]:
        if self.contender in AUTO:
            return ["--strategy", "auto", "--time-limit", AUTO[self.contender]]
        head = ["--head", "linear"] if self.contender.endswith(LINEAR) else []
        return ["--strategy", self.contender.removesuffix(LINEAR), *head, "--validation", str(self.look)]


def main() -> None:
    """Run what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "tables")
    parser.add_argument("--page", type=Path, help="Folder for page and figures. (Default: --out.)")
    names = [table.name for table in TABLES]
    parser.add_argument("--tables", nargs="*", default=USUAL_TABLES, choices=names)
    parser.add_argument("--tools", nargs="*", default=USUAL_TOOLS, choices=TOOLS)
    parser.add_argument("--limits", nargs="*", default=[None], type=seconds, help='Seconds, or "none".')
    parser.add_argument("--seeds", nargs="*", type=int, default=range(5))
    parser.add_argument("--cores", nargs="*", type=int, help="Run on these alone, with as many threads.")
    parser.add_argument("--note", default="", help="What else the machine did.")
    parser.add_argument("--python", nargs="*", default=[], help="NAME=PATH of a rival's own Python.")
    parser.add_argument("--only-page", action="store_true")
    given = parser.parse_args()
    if given.cores:
        os.sched_setaffinity(0, given.cores)
        os.environ["OMP_NUM_THREADS"] = str(len(given.cores))
    # A call that is told to end takes the process with it that it waits for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    for job in [] if given.only_page else jobs(given):
        run(job)
    write_tables(given.page or given.out, read_results(given.out))


def seconds(text: str) -> float | None:
    """Return a limit as it is given."""
    return None if text == "none" else float(text)


def jobs(given: argparse.Namespace) -> Iterator[Job]:
    """Yield the chosen cells in their order; the rows of each are written."""
    pythons = dict(each.split("=", 1) for each in given.python)
    tables = {table.name: table for table in TABLES}
    cells = itertools.product(given.seeds, given.tables, given.tools, given.limits)
    for draw, name, tool, limit in cells:
        if (tool in OWN_ENVIRONMENT and tool not in pythons) or (tool in AUTO and limit is not None):
            continue
        paths = write_draw(tables[name], draw, given.data_root, given.out / "rows")
        end = "" if limit is None else f"-{limit:g}s"
        folder = given.out / "runs" / f"{name}-{draw}-{tool.replace(':', '-')}{end}"
        yield Job(tool, tables[name], draw, folder, *paths, limit, pythons.get(tool, sys.executable), given.note)


def write_draw(table: TableOfRows, draw: int, data_root: Path, folder: Path) -> tuple[Path, Path, Path]:
    """Write the rows of one draw: to train on, to test on, and a few of the latter; return the three tables."""
    names = (f"{table.name}-{draw}-train.csv", f"{table.name}-test.csv", f"{table.name}-look.csv")
    paths = (folder / names[0], folder / names[1], folder / names[2])
    if not all(path.is_file() for path in paths):
        data = _whole(table, data_root)
        if table.rows_per_class is not None:
            data = with_rows_per_class(data, table.rows_per_class, draw)
        folder.mkdir(parents=True, exist_ok=True)
        step = max(1, len(data.evaluation) // LOOK)
        look = data.evaluation.take(range(0, len(data.evaluation), step)[:LOOK])
        for path, split in zip(paths, (data.training, data.evaluation, look), strict=True):
            _write_rows(path, split, data.task.labels)
    return paths


def _whole(table: TableOfRows, data_root: Path) -> TaskData:
    folder = data_root / table.source
    if (folder / "train.csv").is_file():
        options = FileOptions(text="text", label="category", validation=str(folder / "test.csv"))
        return load_file(str(folder / "train.csv"), options)
    return load_task(table.source, data_root=data_root)


def _write_rows(path: Path, split: Split, names: Sequence[str]) -> None:
    columns = ("text", "text_pair")[: len(split.texts[0])]
    with output_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((*columns, "label"))
        for texts, label in zip(split.texts, split.labels or (), strict=True):
            writer.writerow((*texts, names[int(label)]))  # type: ignore[arg-type]  # A class by its index.


def run(job: Job) -> None:
    """Fit and answer, unless that was done; note the score and the cost, or why there is none."""
    record = job.folder / "record.json"
    if record.is_file():
        return
    # What a killed call left would make the cost too small, or stand in the way.
    shutil.rmtree(job.folder, ignore_errors=True)
    job.folder.mkdir(parents=True)
    began = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    error = _finish(job, job.command(began), job.limit)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = {
        "wall": time.monotonic() - began,
        "cpu": used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime,
    }
    answers = None if error else _answers(job)
    if answers is not None and "wall" in answers:
        cost = {name: answers[name] for name in cost}
    score = None if answers is None else _score(job, answers["answers"])
    name = {"table": job.table.name, "metric": job.table.metric, "contender": job.contender, "draw": job.draw}
    machine = {"cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0], "note": job.note}
    values = name | cost | machine | {"limit": job.limit, "score": score, "error": error}
    write_json(record, values)
    print(f"{job.folder.name}: {score} in {cost['cpu']:.0f} CPU s {error}", flush=True)


def _finish(job: Job, command: list[str], limit: float | None) -> str:
    """Run a process to its end or the limit; return why it brought nothing, or ""."""
    offline = os.environ | {"HF_HUB_OFFLINE": "1"}
    with (job.folder / "log.txt").open("a", encoding="utf-8") as log:
        child = subprocess.Popen(
            command, cwd=ROOT, env=offline, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = child.wait(limit)
        except subprocess.TimeoutExpired:
            return f"no model after {limit:g} s"
        finally:
            # Its children too, however it or this call ended.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if not code:
        return ""
    lines = (job.folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"ended with {code}: {lines[-1] if lines else ''}"


def _answers(job: Job) -> dict[str, Any]:
    """Return a rival's own answers, or those of a model folder."""
    if job.contender in RIVALS:
        found: dict[str, Any] = json.loads((job.folder / "answers.json").read_text(encoding="utf-8"))
        return found
    out = job.folder / "answers.csv"
    command = [
        *(sys.executable, "-m", "headstart", "predict", str(job.folder / "model"), str(job.test)),
        "--out",
        str(out),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with out.open(encoding="utf-8", newline="") as file:
        return {"answers": [row["predicted_label"] for row in csv.DictReader(file)]}


def _score(job: Job, answers: Sequence[str]) -> float:
    from sklearn.metrics import accuracy_score, matthews_corrcoef

    _, labels = read(str(job.test))
    measure = accuracy_score if job.table.metric == "accuracy" else matthews_corrcoef
    return float(measure(labels, [str(answer) for answer in answers]))


def read_results(out: Path) -> list[Result]:
    """Return all that was recorded, tables and contenders in their own order."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (out / "runs").glob("*/record.json")]
    results = [Result(**{name: each[name] for name in Result.__slots__ if name in each}) for each in found]
    order = [table.name for table in TABLES]
    return sorted(
        results,
        key=lambda each: (order.index(each.table), TOOLS.index(each.contender), each.limit or math.inf, each.draw),
    )


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


if __name__ == "__main__":
    main()
