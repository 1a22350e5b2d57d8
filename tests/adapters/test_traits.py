"""What adapters say about themselves: rates per model size, and whether they leave weights alone."""

from __future__ import annotations

import pytest

from headstart.adapters.catalogue import adapter_names, build_adapter
from headstart.adapters.rates import ModelSize
from headstart.registry import Spec

FIRST: dict[str, tuple[float, float, float]] = {
    "lora": (5e-3, 5e-4, 5e-4),
    "bitfit": (1e-2, 1e-3, 5e-4),
    "prefix": (3e-2, 1e-2, 5e-3),
    "bottleneck": (3e-3, 3e-4, 3e-4),
    "ia3": (3e-2, 3e-3, 3e-3),
    "vera": (3e-2, 4e-3, 4e-3),
    "ln_tuning": (1e-2, 1e-3, 1e-3),
    "prompt": (3e-2, 1e-2, 1e-2),
    "p_tuning": (5e-3, 1e-3, 1e-3),
}
ALONE: dict[str, tuple[float, float, float]] = {
    "lora": (1e-3, 5e-4, 5e-4),
    "bitfit": (3e-3, 1e-3, 1e-3),
    "prefix": (1e-2, 1e-2, 5e-3),
    "bottleneck": (1e-3, 3e-4, 3e-4),
    "ia3": (1e-2, 3e-3, 3e-3),
    "vera": (1e-2, 4e-3, 4e-3),
    "ln_tuning": (3e-3, 1e-3, 1e-3),
    "prompt": (3e-2, 1e-2, 1e-2),
    "p_tuning": (3e-3, 1e-3, 1e-3),
}
SIZES: tuple[ModelSize, ...] = ("small", "base", "large")


@pytest.mark.parametrize("name", [*adapter_names(), "peft:IA3", "peft:LOHA"])
def test_rates_are_those_of_the_tables_and_lora_s_elsewhere(name: str) -> None:
    adapter = build_adapter(Spec.parse(name))
    key = {"peft:IA3": "ia3"}.get(name, name)
    assert tuple(adapter.rate(size, "adapter") for size in SIZES) == FIRST.get(key, FIRST["lora"])
    assert tuple(adapter.rate(size, "adapter_alone") for size in SIZES) == ALONE.get(key, ALONE["lora"])


def test_those_that_compute_with_the_weights_cannot_be_quantised() -> None:
    read_only = {name for name in adapter_names() if build_adapter(Spec(name)).reads_outputs_only}
    assert read_only == {
        *("bitfit", "bottleneck", "ia3", "ln_tuning", "lora", "p_tuning", "prefix", "prompt", "rslora"),
    }
    assert build_adapter(Spec.parse("peft:IA3")).reads_outputs_only
