"""What saves memory, with every adapter: gradient checkpointing changes nothing, accumulated batches train as one."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import UsageError
from headstart.store.record import RunRecord
from tests.matrix.cells import ADAPTERS, TEXTS, checkpoint
from tests.support.runs import do_run, tiny_choices, tiny_experiment

WITHOUT_CHECKPOINTING = ("albert", "mpnet", "xlnet")
BY_DEFAULT = (("llama", "lora"),)


def run(folder: Path, out: Path, adapter: str, **options: Any) -> RunRecord:
    _, record = do_run(tiny_choices(folder, "eh_ft", adapter, **options), out)
    return record


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("helpers")


@pytest.mark.parametrize(
    ("architecture", "adapter"),
    [
        pytest.param(*cell, marks=() if cell in BY_DEFAULT else pytest.mark.slow)
        for cell in product(("bert", "llama"), ADAPTERS)
    ],
)
def test_gradient_checkpointing_and_accumulation_with_every_adapter(
    architecture: str, adapter: str, folders: Path, tmp_path: Path
) -> None:
    folder = checkpoint(architecture, folders / architecture)
    try:
        plain = run(folder, tmp_path / "plain", adapter)
    except UsageError:
        pytest.skip(f"{architecture} does not carry {adapter}")
    for name, options in (
        ("checkpointing", {"trainer": ("gradient_checkpointing=true",)}),
        ("accumulation", {"trainer": ("gradient_accumulation_steps=2",), "batch_size": 2}),
    ):
        record = run(folder, tmp_path / name, adapter, **options)
        assert [stage.moved["head"] > 0 for stage in record.stages] == [True, True]
        assert record.stages[0].moved == plain.stages[0].moved, name


@pytest.mark.parametrize("architecture", WITHOUT_CHECKPOINTING)
def test_checkpointing_is_refused_where_transformers_has_none(architecture: str, folders: Path) -> None:
    folder = checkpoint(architecture, folders / architecture)
    choices = tiny_choices(folder, "finetune", trainer=("gradient_checkpointing=true",))
    with pytest.raises(UsageError, match="no gradient checkpointing for"):
        tiny_experiment(choices)


def test_the_list_is_whole(folders: Path) -> None:
    """Every other architecture takes the option."""
    for architecture in (name for name in TEXTS if name not in WITHOUT_CHECKPOINTING):
        folder = checkpoint(architecture, folders / architecture)
        tiny_experiment(tiny_choices(folder, "finetune", trainer=("gradient_checkpointing=true",)))
