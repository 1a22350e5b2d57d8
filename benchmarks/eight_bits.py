"""Measure exported networks, in fp32 and in 8 bits, beside torch in fp32 and bf16: same model, same rows, in turn.

    python -m benchmarks.eight_bits [--file rows.csv --text text] [--folder my-model] [--rows 256] [--rounds 5]

Every side gets texts and gives logits: torch as `headstart predict` computes them (sorted by length, batches of 32),
networks as headstart-runtime does. One thread computes, and rows per second of processor time are counted. Without
a folder the models are MiniLM with a fresh head and an encoder of BERT's base size with random weights, whose speed
counts alone. Of a model folder of your own it also says which answers 8 bits change on the file's rows.

Prints a Markdown table for each model: the median of the rounds, the slowest and the fastest, and how many times as
many rows that is as torch in bf16 (in fp32 where the processor has no instructions for bf16). For 8 bits we hold
ourselves to 1.3 times bf16, and to 2.5 times fp32 where there is no bf16.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from transformers import BertConfig, BertModel

from benchmarks.predicting import MODEL, save_model, texts_of
from headstart.artifacts.saved_model import SavedModel
from headstart.data.batching import PaddingCollator
from headstart.data.examples import Split
from headstart.data.tokenisation import tokenize
from headstart.hardware import computes_bf16
from headstart.inference.forward import batched_logits
from headstart.inference.saved import load_saved_model
from headstart.models.loading import load_tokenizer
from headstart.models.own_process import prepare_process
from headstart.models.source import resolve_model
from headstart.onnx_export.check import loss_text
from headstart.onnx_export.export import export_onnx
from headstart.onnx_export.options import ExportOptions
from headstart_runtime import load

TORCH_BATCH = 32
CHECKED_ROWS = 32
"""Of models whose speed counts alone."""


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", help="A table with short texts. (Default: sentences of the built-in demo.)")
    parser.add_argument("--text", default="text")
    parser.add_argument("--folder", type=Path, help="A model folder that reads that table.")
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.folder is not None and arguments.file is None:
        parser.error("--folder needs --file, a table that its model reads")
    torch.set_num_threads(1)
    prepare_process()
    texts = texts_of(arguments.file, arguments.text, arguments.rows)
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        if arguments.folder is not None:
            folders, checked = [arguments.folder], Path(arguments.file)
        else:
            folders, checked = _made_models(made, texts), _made_rows(made, texts)
        for number, folder in enumerate(folders):
            out = made / f"exported-{number}"
            _measure(folder, texts, checked, out, arguments.rounds, checks_answers=arguments.folder is not None)


def _made_models(root: Path, texts: list[str]) -> list[Path]:
    torch.manual_seed(0)
    BertModel(BertConfig()).save_pretrained(root / "checkpoint")
    load_tokenizer(resolve_model(MODEL)).save_pretrained(root / "checkpoint")
    small, base = root / "MiniLM", root / "base-sized"
    save_model(small, texts)
    save_model(base, texts, str(root / "checkpoint"))
    return [small, base]


def _made_rows(root: Path, texts: list[str]) -> Path:
    rows = root / "rows.csv"
    with rows.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text",), *((text,) for text in texts[:CHECKED_ROWS])])
    return rows


def _measure(
    folder: Path, texts: list[str], checked: Path, out: Path, num_rounds: int, *, checks_answers: bool
) -> None:
    saved = load_saved_model(folder)
    sides: dict[str, Callable[[], object]] = {
        f"torch, {precision}": _by_torch(saved, texts, precision)
        for precision in (("fp32", "bf16") if computes_bf16("cpu") else ("fp32",))
    }
    reference = list(sides)[-1]
    changes = ""
    for quantise in (None, "int8"):
        options = ExportOptions(
            format="onnx", quantise=quantise, check_rows=str(checked), max_loss=None if quantise is None else 1.0
        )
        written = out / (quantise or "fp32")
        changes = loss_text(export_onnx(folder, written, options).check)
        sides[f"exported, {quantise or 'fp32'}"] = _by_runtime(written, texts)
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(num_rounds):
        for side, answer in sides.items():
            begin = time.process_time()
            answer()
            rates[side].append(len(texts) / (time.process_time() - begin))
            print(f"round {number + 1} {folder.name} {side}: {rates[side][-1]:.1f}", file=sys.stderr)
    print(f"\n{folder.name}: {len(texts)} rows; load of the machine {os.getloadavg()[0]:.1f}\n")
    if checks_answers:
        print(f"8 bits: {changes}\n")
    print(f"| | rows per second of processor time | slowest, fastest round | times {reference} |")
    print("|---|---|---|---|")
    for side, measured in rates.items():
        times = median(measured) / median(rates[reference])
        print(f"| {side} | {median(measured):.1f} | {min(measured):.1f}, {max(measured):.1f} | {times:.2f} |")


def _by_torch(saved: SavedModel, texts: list[str], precision: str) -> Callable[[], object]:
    info = saved.info
    rows = Split.of(texts=tuple((text,) for text in texts))
    collate = PaddingCollator(saved.tokenizer, kind=info.task.kind)

    def answer() -> object:
        tokens = tokenize(
            rows, saved.tokenizer, max_length=info.max_length, truncation=info.truncation, stride=info.stride
        )
        return batched_logits(saved.model, tokens, collate, batch_size=TORCH_BATCH, precision=precision, device="cpu")

    answer()
    return answer


def _by_runtime(folder: Path, texts: list[str]) -> Callable[[], object]:
    model = load(folder, num_threads=1)
    model.logits(texts)
    return lambda: model.logits(texts)


if __name__ == "__main__":
    main()
