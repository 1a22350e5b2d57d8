"""Decoders as classifiers with what large ones need: two adapters, frozen weights in 16 bits, batches that fit."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tests.support.other_architectures import make_other_checkpoint
from tests.support.runs import tiny_rows

Cli = Callable[..., tuple[int, str, str]]
SMALL = ("--batch-size", "auto", "--frozen-precision", "checkpoint", "--trainer", "gradient_checkpointing=true")
SHORT = ("--steps", 6, "--stage1-fraction", 0.5, "--max-length", 24, "--precision", "fp32")


def without_padding_token(folder: Path) -> Path:
    """Leave a model as published decoders are: with an end-of-text token, and none for padding."""
    for file, changes in (
        ("config.json", {"pad_token_id": None}),
        ("tokenizer_config.json", {"pad_token": None, "eos_token": "[SEP]"}),
    ):
        path = folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3", "gpt2"])
def test_a_decoder_trains_two_adapters_and_predicts(architecture: str, cli: Cli, tmp_path: Path) -> None:
    checkpoint = make_other_checkpoint(tmp_path / "checkpoint", architecture, dtype=torch.bfloat16)
    without_padding_token(checkpoint)
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((text, ("bad", "good")[row]) for text, row in tiny_rows(40))])
    call = ("fit", "rows.csv", "--model", checkpoint, "--strategy", "eh_ft:stage2=adapter", *SHORT)
    code, out, err = cli(*call, *SMALL, "--out", "model")
    assert code == 0, err
    assert "after adapter (3 updates in " in out
    assert "after adapter-2 (3 updates in " in out
    first, second = json.loads((tmp_path / "model" / "run.json").read_text())["stages"]
    assert first["backbone_restored"]
    for stage in (first, second):
        assert (stage["gradient_checkpointing"], stage["batch_parts"], stage["moved"]["backbone"]) == (True, 1, 0)
        assert stage["dtypes"]["backbone"] == "bfloat16+float32"

    assert json.loads((tmp_path / "model" / "config.json").read_text())["dtype"] == "float32"
    code, _, err = cli("predict", "model", "rows.csv", "--out", "predicted.csv", "--precision", "fp32", "-q")
    assert code == 0, err
    with (tmp_path / "predicted.csv").open(newline="") as file:
        predicted = [(row["text"], row["predicted_label"]) for row in csv.DictReader(file)]
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert len(predicted) == 40
    for text, label in predicted:
        with torch.no_grad():
            answer = int(model(**tokenizer(text, truncation=True, max_length=24, return_tensors="pt")).logits.argmax())
        assert model.config.id2label[answer] == label

    code, _, err = cli(*call, "--batch-size", 16, "--out", "plain")
    assert code == 0, err
    found, expected = (load_file(tmp_path / name / "model.safetensors") for name in ("model", "plain"))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
