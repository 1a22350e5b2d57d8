"""Speed and memory on a GPU: plain Trainer, fine-tuning and EH-FT by turns in one process. Prints one line of JSON.

The model has RoBERTa-base's size and random weights: no network is needed, and speed does not depend on what weights
say. Rows are made-up pairs of sentences, as long as RTE's. Each side has its turn in every round, so that two rounds
show how far the machine's own speed goes up and down; the first also loads the GPU's kernels.
"""

from __future__ import annotations

import argparse
import csv
import gc
import io
import json
import random
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from benchmarks import plain_trainer
from tests.support.tiny import WORDS, make_checkpoint, make_tokenizer

SIDES = ("plain", "finetune", "eh_ft")
NUM_ROUNDS = 2
NUM_ROWS = {"cuda": 1024, "cpu": 40}
ROBERTA_BASE = {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    given = parser.parse_args()
    model = make_model(given.folder / "source", given.device)
    rows = make_rows(NUM_ROWS[given.device])
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for number in range(NUM_ROUNDS):
        for side, measured in found.items():
            measured.append(plain(given, rows) if side == "plain" else ours(given, rows, side, number))
            # Trainer's objects hold each other, and with them the model of a turn that is over.
            gc.collect()
    print(json.dumps({"sides": found, "steps": given.steps, "batch_size": given.batch_size, "model": model}))


def make_model(folder: Path, device: str) -> str:
    """Save a random model and a tokenizer; return what it is."""
    if device == "cpu":
        make_checkpoint(folder, "roberta")
        return "a tiny RoBERTa with random weights"
    import torch
    from transformers import RobertaConfig, RobertaForMaskedLM

    torch.manual_seed(0)
    RobertaForMaskedLM(RobertaConfig(**ROBERTA_BASE)).save_pretrained(folder)
    make_tokenizer("roberta").save_pretrained(folder)
    return "RoBERTa-base's size with random weights"


def make_rows(number: int) -> list[dict[str, Any]]:
    """Return pairs of sentences, 40 and 10 words on average, whose label is whether a word of one is in the other."""
    generator, words = random.Random(0), WORDS.split()
    rows = []
    for index in range(number):
        first = generator.choices(words, k=generator.randint(10, 70))
        second = generator.choices(words, k=generator.randint(5, 15))
        rows.append({"sentence1": " ".join(first), "sentence2": " ".join(second), "label": index % 2})
    return rows


def plain(given: argparse.Namespace, rows: list[dict[str, Any]]) -> dict[str, float]:
    """Train as the plain script does."""
    with redirect_stdout(io.StringIO()):
        values = plain_trainer.train(
            rows,
            model=str(given.folder / "source"),
            num_steps=given.steps,
            batch_size=given.batch_size,
            is_bf16=given.device == "cuda",
        )
    return {
        "examples_per_second": values["examples"] / values["seconds"],
        "peak_bytes": values["peak_device_bytes"] or values["peak_bytes"],
    }


def ours(given: argparse.Namespace, rows: list[dict[str, Any]], strategy: str, number: int) -> dict[str, float]:
    """Run `headstart fit` and read its record."""
    from headstart.cli.main import app

    file = given.folder / "rows.csv"
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, ["sentence1", "sentence2", "label"])
        writer.writeheader()
        writer.writerows(rows)
    said = io.StringIO()
    with redirect_stdout(said):
        app(
            [
                *("fit", str(file), "--text", "sentence1", "--text-pair", "sentence2", "--label", "label"),
                *("--model", str(given.folder / "source"), "--out", str(given.folder / f"{strategy}-{number}")),
                *("--strategy", strategy, "--steps", str(given.steps), "--batch-size", str(given.batch_size)),
                *("--max-length", "128", "--precision", "bf16" if given.device == "cuda" else "fp32", "--json"),
            ],
            standalone_mode=False,
        )
    text = said.getvalue()
    record = json.loads(text[text.index("{\n") :])
    stages = record["stages"]
    return {
        "examples_per_second": sum(s["num_examples_seen"] for s in stages) / sum(s["seconds"] for s in stages),
        "peak_bytes": record["peak_memory_bytes"],
    }


if __name__ == "__main__":
    main()
