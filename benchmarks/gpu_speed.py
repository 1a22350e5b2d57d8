"""One side of the measurement on a GPU: so many updates in a process of its own. Prints one line of JSON at its end.

The model has RoBERTa-base's size and random weights: no network is needed, and speed does not depend on what weights
say. Rows are made-up pairs of sentences, as long as RTE's.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.tiny import WORDS, make_checkpoint, make_tokenizer

NUM_ROWS = {"cuda": 1024, "cpu": 40}
ROBERTA_BASE = {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=("plain", "finetune", "eh_ft"), required=True)
    parser.add_argument("--device", choices=("cuda", "cpu"), required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    given = parser.parse_args()
    model = make_model(given.folder / "source", given.device)
    rows = make_rows(NUM_ROWS[given.device])
    measured = (plain if given.side == "plain" else ours)(given, rows)
    print(
        json.dumps(
            measured | {name: getattr(given, name) for name in ("side", "steps", "batch_size")} | {"model": model}
        )
    )


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


def plain(given: argparse.Namespace, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Run the plain script."""
    file = given.folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = last_line(
        *("-m", "benchmarks.plain_trainer", "--rows", str(file), "--model", str(given.folder / "source")),
        *("--steps", str(given.steps), "--batch-size", str(given.batch_size)),
        *(("--bf16",) if given.device == "cuda" else ()),
    )
    return {
        "examples_per_second": values["examples"] / values["seconds"],
        "peak_bytes": values.get("peak_device_bytes") or values["peak_bytes"],
    }


def ours(given: argparse.Namespace, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Run `headstart fit` and read its record."""
    file = given.folder / "rows.csv"
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, ["sentence1", "sentence2", "label"])
        writer.writeheader()
        writer.writerows(rows)
    record = last_line(
        *("-m", "headstart", "fit", str(file), "--text", "sentence1", "--text", "sentence2", "--label", "label"),
        *("--model", str(given.folder / "source"), "--out", str(given.folder / "model"), "--strategy", given.side),
        *("--steps", str(given.steps), "--batch-size", str(given.batch_size), "--max-length", "128"),
        *("--precision", "bf16" if given.device == "cuda" else "fp32", "--json"),
    )
    stages = record["stages"]
    return {
        "examples_per_second": sum(s["num_examples_seen"] for s in stages) / sum(s["seconds"] for s in stages),
        "peak_bytes": record["peak_memory_bytes"],
    }


def last_line(*arguments: str) -> dict[str, Any]:
    """Run Python and return the JSON at the end of what it says."""
    done = subprocess.run((sys.executable, *arguments), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments[:3])} failed: {done.stderr.strip()[-2000:]}")
    begin = done.stdout.find("\n{\n") + 1 if "\n{\n" in done.stdout else 0
    text = done.stdout[begin:].strip()
    values: dict[str, Any] = json.loads(text if text.startswith("{\n") else text.splitlines()[-1])
    return values


if __name__ == "__main__":
    main()
