"""What AdaLoRA does around updates: its penalty, and where its ranks go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from headstart.adapters.catalogue import build_adapter
from headstart.errors import UsageError
from headstart.models.loading import classifier_from_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.runs import do_run, tiny_choices
from tests.support.tiny import NUM_LAYERS, make_model

INPUTS = {"input_ids": torch.arange(12).view(2, 6) + 5, "labels": torch.tensor([0, 1])}
NUM_TARGETS = 4 * NUM_LAYERS


def attach(spec: str) -> tuple[Any, Any]:
    attached = build_adapter(Spec.parse(spec)).attach(classifier_from_model(make_model("bert")), seed=0)
    assert attached.hooks is not None
    return attached, attached.hooks


def test_the_penalty_is_peft_s_own() -> None:
    """peft's model adds the penalty to the loss that it computes; its gradient must be ours."""
    attached, hooks = attach("adalora:orth_reg_weight=0.3")
    attached.model.eval()
    attached.model(**INPUTS).loss.backward()
    hooks.on_gradients(0)
    ours = {name: p.grad.clone() for name, p in attached.model.named_parameters() if name in attached.adapter_names}
    attached.model.zero_grad()
    hooks._tuner(**INPUTS).loss.backward()
    for name, parameter in attached.model.named_parameters():
        if name in ours:
            torch.testing.assert_close(ours[name], parameter.grad, rtol=1e-5, atol=1e-7)
    assert sum(tensor.abs().sum() for tensor in ours.values()) > 0


def test_at_the_end_as_many_ranks_are_left_as_were_asked_for(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    spec = "adalora:init_r=6:target_r=2"
    _, record = do_run(tiny_choices(tiny_checkpoint("bert"), "eh_ft", spec, steps=24), tmp_path)
    assert record.stages[0].moved["adapter"] > 2 * NUM_TARGETS
    tensors = load_file(tmp_path / "1-adapter" / "adapter" / "adapter.safetensors")
    scales = [tensor for name, tensor in tensors.items() if ".lora_E." in name]
    assert sum(tensor.numel() for tensor in scales) == 6 * NUM_TARGETS
    assert sum(int((tensor != 0).sum()) for tensor in scales) == 2 * NUM_TARGETS


def test_a_stage_without_room_for_the_schedule_is_refused(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave none of the stage's 4 updates"):
        do_run(tiny_choices(tiny_checkpoint("bert"), "eh_ft", "adalora:tinit=2:tfinal=2", steps=8), tmp_path)
