"""What `make gpu` measures of speed: its formula against torch's own count, its table, and all of it in a tiny form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import RobertaConfig, RobertaModel

from benchmarks import gpu_speed
from benchmarks.gpu_claims import at_most, compiling_claim, speed_claims, table, utilisation_claim
from benchmarks.model_flops import Encoder, peak_flops

SMALL = Encoder(hidden_size=24, intermediate_size=40, num_layers=3)
TINY = ("--device", "cpu", "--shape", "tiny", "--steps", "1", "--batch-size", "4", "--rows", "16", "--rounds", "1")


def test_operations_are_those_that_torch_counts() -> None:
    """Below the first layer nothing needs a gradient but the embeddings, so the backward pass is twice the forward."""
    config = RobertaConfig(
        vocab_size=50,
        hidden_size=SMALL.hidden_size,
        intermediate_size=SMALL.intermediate_size,
        num_hidden_layers=SMALL.num_layers,
        num_attention_heads=2,
    )
    config._attn_implementation = "eager"
    model, ids = RobertaModel(config, add_pooling_layer=False), torch.randint(3, 50, (5, 16))
    with FlopCounterMode(display=False) as counter:
        model(ids).last_hidden_state.sum().backward()
    assert counter.get_total_flops() == 5 * SMALL.training_flops(16)


@pytest.mark.parametrize(
    ("card", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H100 NVL", 835e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA A10", 125e12),
        ("NVIDIA A10G", None),
        ("no GPU", None),
    ],
)
def test_a_card_is_known_by_its_name(card: str, peak: float | None) -> None:
    assert peak_flops(card) == peak


def test_utilisation_is_what_was_computed_of_what_could_have_been() -> None:
    rate = 0.25 * 312e12 / SMALL.training_flops(128)
    assert utilisation_claim(SMALL, 128, rate, "NVIDIA A100-SXM4-40GB")["measured"] == pytest.approx(0.25)


def test_claims_compare_the_turns_after_the_first() -> None:
    def turns(seconds: float, peak: float) -> list[dict[str, float]]:
        first = {"seconds": 99.0, "examples_per_second": 1.0, "peak_bytes": peak}
        return [first, {"seconds": seconds, "examples_per_second": 100 / seconds, "peak_bytes": peak / 2}]

    sides = {
        "plain": turns(10, 8.0),
        "finetune": turns(4, 6.0),
        "eh_ft": turns(3, 1.0),
        "linear_probe": turns(2, 1.0),
        "forward": turns(1, 1.0),
    }
    assert [claim["measured"] for claim in speed_claims(sides)] == [2.5, 0.75, 0.75, 2.0]


def test_compiling_is_judged_without_its_warm_up() -> None:
    sides = {
        side: [{"trained_seconds": seconds}]
        for side, seconds in {
            "finetune": 10.0,
            "finetune:longer": 30.0,
            "compiled": 50.0,
            "compiled:longer": 58.0,
        }.items()
    }
    assert compiling_claim(sides)["measured"] == 2.5


def test_the_table_says_what_is_met_and_what_is_not_known() -> None:
    found = [at_most("memory", 0.9, 0.95), at_most("time", 0.9, 0.9), utilisation_claim(SMALL, 8, 1.0, "a card")]
    met = [line.rsplit("|", 2)[1].strip() for line in table(found).splitlines()[2:]]
    assert met == ["no", "yes", ""]


def measured(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    gpu_speed.main([*arguments, *TINY])
    values: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return values


def test_utilisation_is_measured_on_rows_that_are_all_full(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = measured(capsys, "--what", "utilisation", "--folder", str(tmp_path))
    assert list(found["sides"]) == ["finetune"]
    assert found["claims"][0]["measured"] is None, "a processor's peak is not in the table"
    from transformers import AutoTokenizer

    tokenizer, rows = AutoTokenizer.from_pretrained(tmp_path / "source"), gpu_speed.make_full_rows(20)
    lengths = {
        len(tokenizer(row["sentence1"], row["sentence2"], truncation=True, max_length=128)["input_ids"]) for row in rows
    }
    assert lengths == {128}


@pytest.mark.slow
@pytest.mark.parametrize("what", ["speed", "compiling"])
def test_every_side_has_its_turn(what: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = measured(capsys, "--what", what, "--folder", str(tmp_path))
    assert tuple(found["sides"]) == gpu_speed.SIDES[what]
    assert all(claim["measured"] is not None for claim in found["claims"])
