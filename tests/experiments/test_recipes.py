"""Presets resolve to the numbers that they promise."""

from __future__ import annotations

import pytest

from headstart.adapters.catalogue import build_adapter
from headstart.errors import UsageError
from headstart.experiments.recipes import PAPER_EPOCHS, get_preset, rates_for, resolve_num_steps, stage_optimizers
from headstart.registry import Spec
from headstart.strategies.strategy import ScheduleName


@pytest.mark.parametrize(
    ("num_rows", "expected"),
    [
        (250, 500),  # 20 epochs of 16 updates are 320: clamped to 500
        (2_490, 3_120),  # 20 epochs of 156
        (8_551, 5_000),  # 20 epochs of 535 are 10,700: clamped to 5,000
        (67_349, 12_630),  # 3 epochs of 4,210: never fewer
    ],
)
def test_the_default_length(num_rows: int, expected: int) -> None:
    assert resolve_num_steps(get_preset("default"), "x", num_rows, 16, epochs=None, steps=None) == expected


@pytest.mark.parametrize(
    ("task", "num_rows", "expected"), [("glue/rte", 2490, 60 * 78), ("super_glue/cb", 250, 400 * 8)]
)
def test_the_papers_length(task: str, num_rows: int, expected: int) -> None:
    assert resolve_num_steps(get_preset("paper"), task, num_rows, 32, epochs=None, steps=None) == expected


def test_a_factor_multiplies_what_the_preset_says() -> None:
    preset = get_preset("default")
    assert resolve_num_steps(preset, "x", 250, 16, epochs=None, steps=None, budget_factor=4) == 2_000
    assert resolve_num_steps(preset, "x", 2_490, 16, epochs=None, steps=None, budget_factor=0.5) == 1_560
    with pytest.raises(UsageError, match="--steps and --budget-factor were given"):
        resolve_num_steps(preset, "x", 250, 16, epochs=None, steps=5, budget_factor=4)
    with pytest.raises(UsageError, match="above 0"):
        resolve_num_steps(preset, "x", 250, 16, epochs=None, steps=None, budget_factor=0)


def test_the_paper_knows_no_other_task() -> None:
    with pytest.raises(UsageError, match="no number of epochs for 'reviews'"):
        resolve_num_steps(get_preset("paper"), "reviews", 100, 32, epochs=None, steps=None)
    assert resolve_num_steps(get_preset("paper"), "reviews", 100, 32, epochs=2, steps=None) == 8


def test_the_papers_recipe_is_the_table() -> None:
    """PAPER.md section 3, from the official code."""
    preset = get_preset("paper")
    rates = rates_for(preset, "glue/rte", 355_000_000)
    optimizers = stage_optimizers(preset, rates, Spec("prefix"))
    adam = optimizers.finetune
    assert (adam.beta1, adam.beta2, adam.epsilon, adam.weight_decay, adam.max_grad_norm) == (0.9, 0.98, 1e-6, 0.01, 0.1)
    assert (adam.learning_rate, optimizers.probe.learning_rate) == (1e-5, 1e-3)
    assert optimizers.adapter is not None
    assert optimizers.adapter.learning_rate == 5e-3
    assert rates_for(preset, "super_glue/wic", 355_000_000).finetune == 3e-5
    bitfit, lora = (build_adapter(Spec(name)) for name in ("bitfit", "lora"))
    found = (bitfit.rate(rates.size, "adapter"), lora.rate(rates.size, "adapter"))
    assert (*found, bitfit.rate(rates.size, "adapter_alone")) == (5e-4, 5e-4, 1e-3)
    assert (preset.batch_size, preset.head, preset.truncation) == (32, Spec("mlp"), "only_first")
    assert get_preset("paper_code").optimizer.schedule is ScheduleName.PAPER_CODE
    assert (PAPER_EPOCHS["glue/qnli"], PAPER_EPOCHS["super_glue/copa"]) == (10, 400)


@pytest.mark.parametrize("rate", [0.0, -1e-4])
def test_a_rate_is_above_zero(rate: float) -> None:
    preset = get_preset("default")
    with pytest.raises(UsageError, match="--learning-rate was given as"):
        stage_optimizers(preset, rates_for(preset, "x", 10), None, learning_rate=rate)
