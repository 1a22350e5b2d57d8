"""The matrix: every architecture with every adapter and every strategy, through the real engine.

A cell works, which means that it trained and every invariant of DESIGN.md section 4 held, or it was refused before
training with a reason. Anything else, an error of another kind among it, is a fault.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import headstart as hs
from headstart.adapters.catalogue import build_adapter
from headstart.adapters.names import adapter_names
from headstart.errors import UsageError
from headstart.experiments.options import Options
from headstart.registry import Spec
from headstart.strategies.catalogue import STRATEGIES, build_strategy
from tests.adapters.architectures import OTHER_MODELS, make_classifier
from tests.support.other_architectures import OTHER_ARCHITECTURES, make_other_checkpoint
from tests.support.runs import do_run, tiny_choices, tiny_experiment
from tests.support.tiny import ARCHITECTURES, make_checkpoint

TEXTS = tuple(sorted({*ARCHITECTURES, *OTHER_ARCHITECTURES} - {"funnel", "squeezebert"}))
IMAGES_AND_AUDIO = tuple(OTHER_MODELS)
ADAPTERS = adapter_names()
ONE_LAYER = {"top_k": "top_k:layers=1", "reinit": "reinit:layers=1"}
"""Strategies that name a number of layers: some of the tiny models have one."""
OTHER_THAN_LORA = {"xlnet": "lora:targets=all_linear"}
"""What strategies take where LoRA's default targets are refused."""
ADAPTER_STRATEGIES = tuple(name for name in STRATEGIES if build_strategy(Spec(name)).takes_adapter)
FITTED = ("linear_probe:fit", "lp_ft:fit", "eh_ft:refit", "contrastive")
"""What fits a head: one linear map, which the native head of most architectures is not."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination; `adapter` is None for strategies without one."""

    architecture: str
    strategy: str
    adapter: str | None
    head: str = "native"

    def __str__(self) -> str:
        head = self.head if self.head != "native" else None
        return "-".join(part for part in (self.architecture, self.strategy, self.adapter, head) if part)


def adapter_cells() -> Iterator[Cell]:
    """Yield EH-FT with every adapter on every architecture of texts."""
    for architecture in TEXTS:
        for adapter in ADAPTERS:
            yield Cell(architecture, "eh_ft", adapter)


def strategy_cells() -> Iterator[Cell]:
    """Yield every strategy on every architecture of texts, with LoRA where it takes an adapter."""
    for architecture in TEXTS:
        lora = OTHER_THAN_LORA.get(architecture, "lora")
        for strategy in STRATEGIES:
            yield Cell(architecture, strategy, lora if strategy in ADAPTER_STRATEGIES else None)


def fitted_cells() -> Iterator[Cell]:
    """Yield every strategy that fits a head, with our linear head, on every architecture of texts."""
    for architecture in TEXTS:
        lora = OTHER_THAN_LORA.get(architecture, "lora")
        for strategy in FITTED:
            takes_adapter = build_strategy(Spec.parse(strategy)).takes_adapter
            yield Cell(architecture, strategy, lora if takes_adapter else None, head="linear")


def other_cells() -> Iterator[Cell]:
    """Yield `pretrain_head` with every adapter on image and audio models."""
    for architecture in IMAGES_AND_AUDIO:
        for adapter in ADAPTERS:
            yield Cell(architecture, "pretrain_head", adapter)


def checkpoint(architecture: str, folder: Path) -> Path:
    """Return a tiny checkpoint of an architecture, made when it is not there."""
    if not folder.exists():
        make = make_checkpoint if architecture in ARCHITECTURES else make_other_checkpoint
        make(folder, architecture)
    return folder


def refusal(cell: Cell, folder: Path) -> str | None:
    """Return why a cell is refused before anything is trained; None where it is not."""
    if cell.architecture in IMAGES_AND_AUDIO:
        adapter = build_adapter(Spec.parse(cell.adapter or ""))
        return adapter.refusal(make_classifier(cell.architecture, attention="eager"))
    try:
        tiny_experiment(choices_of(cell, folder))
    except UsageError as error:
        return _reason(error)
    return None


def outcome(cell: Cell, folder: Path) -> str | None:
    """Train a cell and return None, or why it was refused.

    Raises:
        Exception: whatever is neither: a fault.
    """
    if (reason := refusal(cell, folder)) is not None:
        return reason
    if cell.architecture in IMAGES_AND_AUDIO:
        _pretrain(cell)
        return None
    with tempfile.TemporaryDirectory() as out:
        _, record = do_run(choices_of(cell, folder), Path(out))
    for stage in record.stages:
        if stage.num_steps and stage.moved["head"] == 0 and stage.role != "contrastive":
            raise AssertionError(f"{cell}: the head did not move in stage {stage.name}")
        if stage.role == "adapter" and stage.moved["adapter"] == 0:
            raise AssertionError(f"{cell}: the adapter did not move in stage {stage.name}")
    return None


def choices_of(cell: Cell, folder: Path, **options: Any) -> Options:
    """Return the options of a short run; `options` are further ones by name."""
    name = ONE_LAYER.get(cell.strategy, cell.strategy)
    strategy = build_strategy(Spec.parse(name))
    usual: dict[str, Any] = {"head": Spec.parse(cell.head)}
    usual |= {"steps": 12} if strategy.takes_updates else {"steps": None, "batch_size": None}
    usual |= {"stage1_fraction": 0.25 if strategy.has_first_stage else None}
    return tiny_choices(checkpoint(cell.architecture, folder), name, cell.adapter, **(usual | options))


def _pretrain(cell: Cell) -> None:
    model = make_classifier(cell.architecture, attention="eager").model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    record = hs.pretrain_head(model, toy_rows(cell.architecture), adapter=cell.adapter, steps=4, batch_size=4)
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    if not moved or record.moved["adapter"] == 0:
        raise AssertionError(f"{cell}: head {sorted(moved)}, adapter {record.moved['adapter']}")


def toy_rows(architecture: str, num_rows: int = 16) -> list[dict[str, Any]]:
    """Return rows of processed inputs: dark and bright images, or hissing and humming sounds."""
    generator = torch.Generator().manual_seed(0)
    rows: list[dict[str, Any]] = []
    for label in (row % 2 for row in range(num_rows)):
        if architecture == "vit":
            rows.append({"pixel_values": torch.randn(3, 8, 8, generator=generator) + 2 * label, "labels": label})
        else:
            noise = torch.randn(440, generator=generator)
            hum = noise.unfold(0, 41, 1).mean(dim=1) * 41**0.5
            rows.append({"input_values": hum if label else noise[:400], "labels": label})
    return rows


def _reason(error: UsageError) -> str:
    """Return the heart of a refusal: what it says of the model, without the model's path."""
    text = str(error).splitlines()[0]
    return text.partition(": ")[2] or text
