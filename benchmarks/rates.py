"""Search the default preset's learning rates, on tasks that no report of ours uses.

    python -m benchmarks.rates --data-root ../shared/data --store rates

Two small tasks: 500 rows of SST-2 and 500 rows of ten classes of BANKING77; scored on 400 other rows of the training
files, never on a validation or test file. The table that comes out is in
docs/LOG-until-2026-11-23.md.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from headstart.cli.display import sweep_display
from headstart.cli.session import open_session
from headstart.data.examples import Split, TaskData
from headstart.data.loading import fingerprint
from headstart.data.stored_rows import write_rows
from headstart.experiments.experiment import Run, TaskSource
from headstart.experiments.options import MethodOptions, ModelOptions, Options, TrainingOptions
from headstart.experiments.planning import plan_experiment
from headstart.experiments.run_data import RunDataCache
from headstart.registry import Spec
from headstart.seeding import numpy_generator
from headstart.store.local import LocalStore
from headstart.store.record import RunStatus
from headstart.sweeps.serial import SerialExecutor
from headstart.tasks.task import Task

NUM_TRAIN, NUM_SCORED = 500, 400
SEEDS = (1_000_000, 1_000_001)


@dataclass(frozen=True)
class Question:
    """Which rate for what, at which length."""

    strategy: str
    adapter: str | None
    steps: int
    rates: tuple[float, ...]


QUESTIONS = (
    Question("linear_probe", None, 50, (1e-3, 3e-3, 1e-2, 3e-2)),
    Question("linear_probe", None, 500, (1e-3, 3e-3, 1e-2, 3e-2)),
    Question("adapter", "lora", 50, (1e-3, 2e-3, 5e-3, 1e-2)),
    Question("adapter", "bitfit", 50, (1e-3, 3e-3, 1e-2, 3e-2)),
    Question("finetune", None, 300, (3e-5, 1e-4, 3e-4)),
    Question("adapter", "lora", 300, (5e-4, 1e-3, 2e-3, 5e-3)),
    Question("adapter", "bitfit", 300, (1e-3, 3e-3, 1e-2)),
    Question("adapter", "prefix", 50, (3e-3, 1e-2, 3e-2, 1e-1)),
    Question("adapter", "prefix", 300, (3e-3, 1e-2, 3e-2)),
)


def main() -> None:
    """Run the search and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--store", type=Path, default=Path("rates"))
    parser.add_argument("--model", default="embedded:minilm-l6")
    arguments = parser.parse_args()
    cache = open_session()
    store = LocalStore(arguments.store)
    sources = [
        TaskSource(name=name, stored_rows=str(write_rows(store, _task(name, rows))))
        for name, rows in (("sst2", _sst2(arguments.data_root)), ("banking10", _banking(arguments.data_root)))
    ]
    print("| strategy | steps | rate | " + " | ".join(source.name for source in sources) + " | mean |")
    print("|---|---|---|---|---|---|")
    for question in QUESTIONS:
        for rate in question.rates:
            _ask(question, rate, sources, arguments.model, cache, store)


def _ask(
    question: Question, rate: float, sources: Sequence[TaskSource], model: str, cache: RunDataCache, store: LocalStore
) -> None:
    adapter = Spec(question.adapter) if question.adapter else None
    tunes_backbone = question.strategy == "finetune"
    options = Options(
        model=ModelOptions(model=model),
        method=MethodOptions(
            strategy=Spec(question.strategy),
            adapter=adapter,
            learning_rate=rate if tunes_backbone else None,
            stage1_learning_rate=None if tunes_backbone else rate,
        ),
        training=TrainingOptions(steps=question.steps),
    )
    means = []
    for source in sources:
        experiment = plan_experiment(options, source, cache)
        runs = [Run(experiment, seed, source) for seed in SEEDS]
        with sweep_display(runs, quiet=True) as listener:
            records = SerialExecutor(store, listener=listener, cache=cache).execute(runs)
        means.append(
            fmean(
                record.scores["accuracy"] if record.status is RunStatus.FINISHED else record.constant_score
                for record in records
            )
        )
    shown = " | ".join(f"{100 * mean:.2f}" for mean in (*means, fmean(means)))
    print(f"| {experiment.label} | {question.steps} | {rate:g} | {shown} |", flush=True)


def _task(name: str, rows: list[tuple[str, str]]) -> TaskData:
    """Draw training and scored rows, the same for everybody."""
    order = numpy_generator(0, "subsample").permutation(len(rows))[: NUM_TRAIN + NUM_SCORED]
    labels = tuple(sorted({rows[row][1] for row in order}))
    task = Task(name=name, text_columns=("text",), label_column="label", labels=labels)
    splits = {
        split: Split.of(
            texts=tuple((rows[row][0],) for row in part), labels=tuple(labels.index(rows[row][1]) for row in part)
        )
        for split, part in (("train", order[:NUM_TRAIN]), ("validation", order[NUM_TRAIN:]))
    }
    return TaskData(task=task, splits=splits, fingerprint=fingerprint(task, splits))


def _sst2(root: Path) -> list[tuple[str, str]]:
    with (root / "glue" / "sst2" / "train.jsonl").open() as file:
        rows = [json.loads(line) for line in file]
    return [(row["sentence"], str(row["label"])) for row in rows if len(row["sentence"].split()) >= 4]


def _banking(root: Path) -> list[tuple[str, str]]:
    with (root / "user" / "banking77" / "train.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    classes = sorted({row["category"] for row in rows})[:10]
    return [(row["text"], row["category"]) for row in rows if row["category"] in classes]


if __name__ == "__main__":
    main()
