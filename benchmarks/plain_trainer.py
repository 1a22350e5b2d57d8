"""What a user would write instead: transformers' own text-classification example, on the same rows.

As `run_glue.py` has it: everything padded to 128 tokens, `Trainer` with its defaults. For a GPU there is the form that
a careful user writes: bf16, and each batch padded to its longest row. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from collections.abc import Sequence
from typing import Any

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", required=True, help="JSON lines with sentence1, sentence2, label")
    parser.add_argument("--model", required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    given = parser.parse_args()
    with open(given.rows) as file:
        rows = [json.loads(line) for line in file]
    print(json.dumps(train(rows, model=given.model, num_steps=given.steps, batch_size=given.batch_size)))


def train(
    rows: Sequence[dict[str, Any]],
    *,
    model: str,
    num_steps: int,
    batch_size: int,
    is_bf16: bool = False,
    pads_each_batch: bool = False,
) -> dict[str, float]:
    """Train; return seconds, examples seen, and the peak memory of the process and of its GPU (0 without one)."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    padding = False if pads_each_batch else "max_length"
    dataset = [
        {
            **tokenizer(row["sentence1"], row["sentence2"], padding=padding, max_length=128, truncation=True),
            "label": row["label"],
        }
        for row in rows
    ]
    has_gpu = torch.cuda.is_available()
    if has_gpu:
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            output_dir=folder,
            max_steps=num_steps,
            per_device_train_batch_size=batch_size,
            bf16=is_bf16,
            dataloader_pin_memory=has_gpu,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        network = AutoModelForSequenceClassification.from_pretrained(model, num_labels=2)
        collate = DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8) if pads_each_batch else None
        trainer = Trainer(model=network, args=settings, train_dataset=dataset, data_collator=collate)
        metrics = trainer.train().metrics
    return {
        "seconds": metrics["train_runtime"],
        "examples": num_steps * batch_size,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "peak_device_bytes": torch.cuda.max_memory_allocated() if has_gpu else 0,
    }


if __name__ == "__main__":
    main()
