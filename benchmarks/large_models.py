"""What frozen weights in 16 bits and gradient checkpointing save: weights and most memory of three updates.

    python -m benchmarks.large_models [--layers 12] [--rows 4] [--tokens 128] [--out runs/large-models]

A Llama of 1,024 numbers a token with random weights in bf16, LoRA on it, updates in fp32 on a CPU; each way in a
process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from contextlib import nullcontext
from itertools import product
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from headstart.adapters.catalogue import build_adapter
from headstart.models.loading import load_classifier
from headstart.models.parameters import own_tensors, set_trainable
from headstart.models.source import resolve_model
from headstart.registry import Spec
from headstart.training.fitting_passes import recomputing
from headstart.training.frozen_weights import frozen_in_16_bits
from headstart.training.peak_memory import free_memory, peak_memory, reset_peak_memory

ROOT = Path(__file__).resolve().parents[1]
NUM_IDS = 32_000


def main() -> None:
    """Print a line for each way, or measure one way in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "large-models")
    parser.add_argument("--one", nargs=2, type=int, metavar=("NARROW", "RECOMPUTES"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        narrow, recomputes = map(bool, given.one)
        print(json.dumps(measured(given.out, given.rows, given.tokens, narrow=narrow, recomputes=recomputes)))
        return
    write_model(given.out, given.layers)
    for narrow, recomputes in product((0, 1), repeat=2):
        command = [
            sys.executable,
            "-m",
            "benchmarks.large_models",
            *sys.argv[1:],
            "--one",
            str(narrow),
            str(recomputes),
        ]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(
            f"16 bits {'yes' if narrow else 'no '}, checkpointing {'yes' if recomputes else 'no '}: weights "
            f"{found['weights'] / 1e6:,.0f} MB, most memory {found['peak'] / 1e6:,.0f} MB, loss {found['loss']:.6f}",
            flush=True,
        )


def write_model(folder: Path, layers: int) -> None:
    """Save the model, with the same numbers each time."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=1024,
        num_hidden_layers=layers,
        num_attention_heads=16,
        num_key_value_heads=16,
        intermediate_size=2816,
        vocab_size=NUM_IDS,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)


def measured(folder: Path, rows: int, tokens: int, *, narrow: bool, recomputes: bool) -> dict[str, float]:
    """Do three updates' passes; return bytes of the weights and of the process at most, and the last loss."""
    classifier = load_classifier(resolve_model(str(folder)), labels=("a", "b"), seed=0, attention="sdpa")
    attached = build_adapter(Spec("lora")).attach(classifier, seed=0)
    set_trainable(attached.model, attached.adapter_names | attached.head_names)
    torch.manual_seed(1)
    batch = {
        "input_ids": torch.randint(5, NUM_IDS, (rows, tokens)),
        "attention_mask": torch.ones(rows, tokens, dtype=torch.long),
        "labels": torch.arange(rows) % 2,
    }
    in_16_bits = frozen_in_16_bits(classifier) if narrow else nullcontext()
    with in_16_bits, recomputing(classifier.model.train(), recomputes):
        weights = sum(each.numel() * each.element_size() for each in own_tensors(attached.model).values())
        free_memory()
        reset_peak_memory("cpu")
        for _ in range(3):
            loss = attached.model(**batch, use_cache=False).loss
            loss.backward()
        return {"weights": weights, "peak": peak_memory("cpu"), "loss": loss.item()}


if __name__ == "__main__":
    main()
