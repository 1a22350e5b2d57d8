"""Measure `headstart predict` beside `transformers.pipeline` on one model and the same rows, in turn (A B A B).

    python -m benchmarks.predicting [--file rows.csv --text text] [--rows 1000] [--rounds 3]

Without a file the rows are sentences of the built-in demo. One thread computes, and rows per second of processor time
are counted: time in which other programs run is not. headstart's time holds everything but imports: the file is
read, checked and digested, the model loaded, answers and the output written. The pipeline's holds its call alone.
The model is MiniLM with a fresh head, in a folder that says that bf16 changes nothing, so that `auto` takes it: speed
does not depend on the answers. How far a trained model's answers move is measured by its own `fit`.

Prints a Markdown table: the median of the rounds, and the slowest and fastest of them, which say how quiet the machine
was. The bounds on the right are what we hold ourselves to.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import torch
import transformers

from headstart.artifacts.bf16_check import Bf16Check
from headstart.artifacts.model_folder import save_model_folder
from headstart.artifacts.model_info import ModelInfo
from headstart.data.loading import load_task
from headstart.hardware import computes_bf16
from headstart.inference.user_files import predict_file
from headstart.kinds.catalogue import DEFAULT_KIND
from headstart.models.loading import load_classifier, load_tokenizer
from headstart.models.own_process import prepare_process
from headstart.models.source import resolve_model
from headstart.registry import Spec
from headstart.tables.reading import read_table
from headstart.tasks.task import Task

BOUNDS = {"bf16": {1: 6.0, 32: 4.5}, "fp32": {1: 2.4, 32: 1.9}}
"""By precision and by the pipeline's batch: how many times as many rows headstart answers."""
PIPELINE_BATCHES = (1, 32)
MODEL, MAX_LENGTH = "embedded:minilm-l6", 128


@dataclass(frozen=True)
class Contender:
    """Something that answers all rows."""

    name: str
    answer: Callable[[], object]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", help="A table with short texts. (Default: sentences of the built-in demo.)")
    parser.add_argument("--text", default="text")
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    prepare_process()
    texts = texts_of(arguments.file, arguments.text, arguments.rows)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        num_tokens = save_model(folder / "model", texts)
        contenders = _contenders(folder, texts)
        rates: dict[str, list[float]] = {contender.name: [] for contender in contenders}
        for number in range(arguments.rounds):
            for contender in contenders:
                rates[contender.name].append(_rate(contender, len(texts)))
                print(f"round {number + 1} {contender.name}: {rates[contender.name][-1]:.1f}", file=sys.stderr)
    print(f"{len(texts)} rows of {num_tokens:.1f} tokens; load of the machine {os.getloadavg()[0]:.1f}\n")
    _print(rates)


def texts_of(file: str | None, column: str, number: int) -> list[str]:
    """Return so many texts of a table's column; without a file sentences of the built-in demo."""
    if file is not None:
        found = [str(text) for text in read_table(file).columns[column]]
    else:
        found = [text for split in load_task("demo").splits.values() for texts in split.texts for text in texts]
    return list(islice(cycle(found), number))


def save_model(folder: Path, texts: list[str], model: str = MODEL) -> float:
    """Write a model with a fresh head; return the mean number of tokens of the texts."""
    source, labels = resolve_model(model), ("no", "yes")
    task = Task(name="rows", text_columns=("text",), labels=labels)
    head = Spec("native")
    classifier = load_classifier(
        source, kind=DEFAULT_KIND, labels=labels, head=head, reads_spans=False, seed=0, attention="eager"
    )
    tokenizer = load_tokenizer(source)
    info = ModelInfo(
        task=task,
        head=head,
        model=model,
        model_revision=source.revision,
        strategy="finetune",
        seed=0,
        max_length=MAX_LENGTH,
        attention="eager",
        bf16=Bf16Check(num_rows=len(texts), num_changed=0, largest_difference=0.0),
    )
    save_model_folder(classifier, tokenizer, folder, info=info)
    return sum(map(len, tokenizer(texts)["input_ids"])) / len(texts)


def _contenders(folder: Path, texts: list[str]) -> list[Contender]:
    rows = folder / "rows.csv"
    with rows.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text",), *((text,) for text in texts)])
    pipeline = transformers.pipeline("text-classification", str(folder / "model"), device="cpu")

    def predict(precision: str) -> Callable[[], object]:
        out = folder / "answers.csv"

        def answer() -> object:
            out.unlink(missing_ok=True)
            return predict_file(folder / "model", str(rows), out, precision=precision, device="cpu")

        return answer

    def call(batch: int) -> Callable[[], object]:
        return lambda: pipeline(texts, batch_size=batch)

    names = ["auto", "fp32"] if computes_bf16("cpu") else ["fp32"]
    ours = [Contender(f"predict, {name}", predict(name)) for name in names]
    return [*(Contender(f"pipeline, batch {batch}", call(batch)) for batch in PIPELINE_BATCHES), *ours]


def _rate(contender: Contender, num_rows: int) -> float:
    """Return rows per second of processor time."""
    begin = time.process_time()
    contender.answer()
    return num_rows / (time.process_time() - begin)


def _print(rates: dict[str, list[float]]) -> None:
    print("| | rows per second of processor time | slowest, fastest round |")
    print("|---|---|---|")
    for name, measured in rates.items():
        print(f"| {name} | {median(measured):.1f} | {min(measured):.1f}, {max(measured):.1f} |")
    print("\n| ratio of medians | measured | bound |")
    print("|---|---|---|")
    for name in (each for each in rates if each.startswith("predict")):
        for batch in PIPELINE_BATCHES:
            ratio = median(rates[name]) / median(rates[f"pipeline, batch {batch}"])
            bound = BOUNDS["bf16" if name.endswith("auto") else "fp32"][batch]
            print(f"| {name} to pipeline, batch {batch} | {ratio:.2f} | >= {bound} |")


if __name__ == "__main__":
    main()
