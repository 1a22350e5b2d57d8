"""What a user would write instead: transformers' own text-classification example, on the same rows.

As `run_glue.py` has it: everything padded to 128 tokens, `Trainer` with its defaults. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import resource

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", required=True, help="JSON lines with sentence1, sentence2, label")
    parser.add_argument("--model", required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--bf16", action="store_true")
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModelForSequenceClassification.from_pretrained(arguments.model, num_labels=2)
    with open(arguments.rows) as file:
        rows = [json.loads(line) for line in file]
    dataset = [
        {
            **tokenizer(row["sentence1"], row["sentence2"], padding="max_length", max_length=128, truncation=True),
            "label": row["label"],
        }
        for row in rows
    ]
    settings = TrainingArguments(
        output_dir="unused",
        max_steps=arguments.steps,
        per_device_train_batch_size=arguments.batch_size,
        bf16=arguments.bf16,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    trainer = Trainer(model=model, args=settings, train_dataset=dataset)
    if torch.cuda.is_available():
        # headstart looks at a sample of the rows before its clock starts, and so loads the GPU's kernels.
        trainer.predict(dataset[: arguments.batch_size])
        torch.cuda.reset_peak_memory_stats()
    metrics = trainer.train().metrics
    print(
        json.dumps(
            {
                "seconds": metrics["train_runtime"],
                "examples": arguments.steps * arguments.batch_size,
                "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "peak_device_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0,
            }
        )
    )


if __name__ == "__main__":
    main()
