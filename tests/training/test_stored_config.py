"""What a store may decide about how its run is trained again: nothing that runs more than torch's arithmetic."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from torch import nn
from transformers import Trainer, TrainingArguments
from transformers.training_args import OptimizerNames

from headstart.errors import UsageError, UsageErrors
from headstart.training.config import TrainerOverride, TrainingConfig
from headstart.training.stored_config import FIELDS, OPTIMIZERS, require_plain


def config(field: str, value: bool | int | float | str) -> TrainingConfig:
    return TrainingConfig(overrides=(TrainerOverride(field=field, value=value, stage="finetune"),))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("torch_compile", True),
        ("torch_compile_backend", "stranger"),
        ("torch_compile_mode", "max-autotune"),
        ("use_liger_kernel", True),
        ("liger_kernel_config", "{}"),
        ("optim", "galore_adamw"),
        ("optim", "adamw_bnb_8bit"),
        ("optim_target_modules", ".*"),
        ("trackio_space_id", "stranger/space"),
        ("trackio_bucket_id", "stranger/bucket"),
        ("enable_jit_checkpoint", True),
        ("a_field_of_the_future", 1),
    ],
)
def test_what_does_more_than_compute_is_refused(field: str, value: bool | str) -> None:
    with pytest.raises(UsageErrors, match=rf"sets `trainer` {field}={value}\n(.|\n)*`headstart fit` keeps the model"):
        require_plain(config(field, value))


def test_arithmetic_is_taken() -> None:
    given = {"optim": "sgd", "weight_decay": 0.1, "gradient_checkpointing": True, "gradient_accumulation_steps": 2}
    for field, value in given.items():
        require_plain(config(field, value))
    assert {each.name for each in fields(TrainingArguments)} | {"gradient_checkpointing_kwargs"} >= FIELDS


def test_a_compiled_attention_is_refused() -> None:
    require_plain(TrainingConfig(attention="sdpa"))
    with pytest.raises(UsageError, match="attention with 'flex_attention'"):
        require_plain(TrainingConfig(attention="flex_attention"))


def test_optimizers_are_those_that_no_further_package_brings(tmp_path: Path) -> None:
    assert {name.value for name in OptimizerNames} >= set(OPTIMIZERS)
    for name in OPTIMIZERS:
        arguments = TrainingArguments(output_dir=str(tmp_path), optim=name, use_cpu=True)
        kind, _ = Trainer.get_optimizer_cls_and_kwargs(arguments, nn.Linear(1, 1))
        assert kind.__module__.split(".")[0] in ("torch", "transformers")
