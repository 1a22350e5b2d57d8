"""Speed and memory on a GPU, by turns in one process: a plain Trainer script and headstart. Prints one line of JSON.

    python -m benchmarks.gpu_speed --what speed --device cuda --folder /tmp/speed [--shape large] [--steps 100]

`speed` has rows of unlike length, as those of RTE: a plain Trainer in bf16 that pads each batch to its longest row,
`finetune`, `eh_ft`, `linear_probe`, and one forward pass over the rows that a probe takes. `utilisation` has rows of
128 tokens and `finetune` alone, for the share of the card's bf16 peak. `compiling` has rows of unlike length and
`finetune` with and without torch.compile, each also three times as long: what the longer one took more is free of
warm-up.

The model has the sizes of a RoBERTa and random weights: no network is needed, and speed does not depend on what
weights say. Each side has its turn in every round, so that rounds show how far the machine's own speed goes up and
down; the first also loads the GPU's kernels.
"""

from __future__ import annotations

import argparse
import csv
import gc
import io
import json
import random
import shutil
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from benchmarks import plain_trainer
from benchmarks.gpu_claims import compiling_claim, speed_claims, utilisation_claim
from benchmarks.model_flops import SHAPES, Encoder
from tests.support.tiny import WORDS, make_tokenizer

Row = dict[str, Any]
Turn = dict[str, float]

HEAD_SIZE, NUM_TOKENS = 64, 128
"""Of the attention; of the longest row."""
SIDES = {
    "speed": ("plain", "finetune", "eh_ft", "linear_probe", "forward"),
    "utilisation": ("finetune",),
    "compiling": ("finetune", "finetune:longer", "compiled", "compiled:longer"),
}
LONGER = 3
COMPILER = {"cuda": "inductor", "cpu": "eager"}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=SIDES, required=True)
    parser.add_argument("--device", choices=("cuda", "cpu"), required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for the model, the rows and what is trained")
    parser.add_argument("--shape", choices=SHAPES, default="large")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rows", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args(arguments)
    make_model(given.folder / "source", SHAPES[given.shape])
    rows = make_full_rows(given.rows) if given.what == "utilisation" else make_rows(given.rows)
    sides: dict[str, list[Turn]] = {side: [] for side in SIDES[given.what]}
    for number in range(given.rounds):
        for side, turns in sides.items():
            turns.append(turn(given, rows, side, number))
            gc.collect()  # Trainer's objects hold each other, and with them the model of a turn that is over.
    found = {
        "model": f"RoBERTa-{given.shape}'s size with random weights",
        "steps": given.steps,
        "batch_size": given.batch_size,
        "sides": sides,
        "claims": claims(given, sides),
    }
    print(json.dumps(found))


def claims(given: argparse.Namespace, sides: dict[str, list[Turn]]) -> list[dict[str, Any]]:
    """Return what is asked, beside what was measured."""
    if given.what == "speed":
        return speed_claims(sides)
    if given.what == "compiling":
        return [compiling_claim(sides)]
    import torch

    card = torch.cuda.get_device_name() if given.device == "cuda" else "no GPU"
    rate = max(each["examples_per_second"] for each in sides["finetune"])
    return [utilisation_claim(SHAPES[given.shape], NUM_TOKENS, rate, card)]


def make_model(folder: Path, shape: Encoder) -> None:
    """Save a random model and a tokenizer of few words."""
    import torch
    from transformers import RobertaConfig, RobertaForMaskedLM

    tokenizer = make_tokenizer("roberta")
    config = RobertaConfig(
        vocab_size=50265 if shape.hidden_size >= SHAPES["base"].hidden_size else len(tokenizer),
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.num_layers,
        num_attention_heads=shape.hidden_size // HEAD_SIZE,
        max_position_embeddings=514,
        type_vocab_size=1,
    )
    torch.manual_seed(0)
    RobertaForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_rows(number: int) -> list[Row]:
    """Return pairs of sentences, 40 and 10 words on average."""
    generator, words = random.Random(0), WORDS.split()
    return [
        {
            "sentence1": " ".join(generator.choices(words, k=generator.randint(10, 70))),
            "sentence2": " ".join(generator.choices(words, k=generator.randint(5, 15))),
            "label": index % 2,
        }
        for index in range(number)
    ]


def make_full_rows(number: int) -> list[Row]:
    """Return pairs of sentences that are cut to the longest row's tokens."""
    generator, words = random.Random(0), WORDS.split()
    return [
        {
            "sentence1": " ".join(generator.choices(words, k=NUM_TOKENS)),
            "sentence2": " ".join(generator.choices(words, k=NUM_TOKENS)),
            "label": index % 2,
        }
        for index in range(number)
    ]


def turn(given: argparse.Namespace, rows: list[Row], side: str, number: int) -> Turn:
    """Let one side have its turn."""
    if side == "plain":
        return plain(given, rows)
    return forward(given, rows) if side == "forward" else ours(given, rows, side, number)


def plain(given: argparse.Namespace, rows: list[Row]) -> Turn:
    """Train as a plain script does, in bf16, each batch padded to its longest row."""
    with redirect_stdout(io.StringIO()):
        values = plain_trainer.train(
            rows,
            model=str(given.folder / "source"),
            num_steps=given.steps,
            batch_size=given.batch_size,
            is_bf16=given.device == "cuda",
            pads_each_batch=True,
        )
    return {
        "seconds": values["seconds"],
        "examples_per_second": values["examples"] / values["seconds"],
        "peak_bytes": values["peak_device_bytes"] or values["peak_bytes"],
    }


def forward(given: argparse.Namespace, rows: list[Row]) -> Turn:
    """Pass all rows through the backbone without gradients, as a user would write it: sorted by length, in bf16.

    Texts are tokens before the clock begins.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    source = given.folder / "source"
    tokenizer, model = AutoTokenizer.from_pretrained(source), AutoModel.from_pretrained(source).to(given.device).eval()
    texts = sorted(((row["sentence1"], row["sentence2"]) for row in rows), key=lambda pair: len(" ".join(pair)))
    batches = [
        tokenizer(texts[first : first + 128], padding=True, truncation=True, max_length=NUM_TOKENS, return_tensors="pt")
        for first in range(0, len(texts), 128)
    ]
    begin = time.perf_counter()
    last = None
    with torch.inference_mode(), torch.autocast(given.device, torch.bfloat16, enabled=given.device == "cuda"):
        for batch in batches:
            last = model(**batch.to(given.device)).last_hidden_state[:, 0]
    if last is not None:
        last.sum().item()  # The GPU is done.
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "examples_per_second": len(rows) / seconds}


def ours(given: argparse.Namespace, rows: list[Row], side: str, number: int) -> Turn:
    """Run `headstart fit` and read its record."""
    from headstart.cli.main import app

    name, _, is_longer = side.partition(":")
    steps = given.steps * (LONGER if is_longer else 1)
    strategy, compiler = (name, ()) if name != "compiled" else ("finetune", compiled(given.device))
    file, out = given.folder / "rows.csv", given.folder / f"{name}-{steps}-{number}"
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, ["sentence1", "sentence2", "label"])
        writer.writeheader()
        writer.writerows(rows)
    said = io.StringIO()
    with redirect_stdout(said):
        app(
            [
                *("fit", str(file), "--text", "sentence1", "--text-pair", "sentence2", "--label", "label"),
                *("--model", str(given.folder / "source"), "--out", str(out)),
                *("--strategy", strategy, "--steps", str(steps), "--batch-size", str(given.batch_size)),
                *("--max-length", str(NUM_TOKENS), "--precision", "bf16" if given.device == "cuda" else "fp32"),
                *(*compiler, "--json"),
            ],
            standalone_mode=False,
        )
    shutil.rmtree(out)
    text = said.getvalue()
    record = json.loads(text[text.index("{\n") :])
    stages = record["stages"]
    trained = sum(stage["seconds"] for stage in stages)
    return {
        "seconds": record["seconds"],
        "trained_seconds": trained,
        "examples_per_second": sum(stage["num_examples_seen"] for stage in stages) / trained,
        "peak_bytes": record["peak_memory_bytes"],
    }


def compiled(device: str) -> tuple[str, ...]:
    """Return the options of a run whose model is compiled; without a GPU torch only traces it."""
    return ("--trainer", "torch_compile=true", "--trainer", f"torch_compile_backend={COMPILER[device]}")


if __name__ == "__main__":
    main()
