"""LoRA: low-rank updates beside frozen linear maps, through peft."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, final

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from transformers.pytorch_utils import Conv1D

from headstart.adapters.adapter import Adapter, AttachedAdapter
from headstart.adapters.layer_modules import layer_linears
from headstart.models.classifier import Classifier
from headstart.models.parameters import Tensors
from headstart.registry import ABOVE_ZERO, FROM_ZERO_TO_UNDER_ONE, at_least, one_of
from headstart.seeding import derive_seed, torch_stream

TARGETS = ("attention", "all_linear")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Lora(Adapter):
    """Low-rank adaptation.

    Attributes:
        rank: inner dimension, at least 1.
        alpha: the update is scaled by alpha / rank.
        dropout: on the update's input, from 0 to under 1.
        targets: "attention" (query, key, value, output; the paper's) or "all_linear" (all linear maps in layers).

    Source: Hu et al. (ICLR 2022); settings of Yang et al. (EMNLP 2022): rank 8, alpha 16, no dropout, A Kaiming
    uniform, B zero.
    """

    rank: Annotated[int, at_least(1)] = 8
    alpha: Annotated[float, ABOVE_ZERO] = 16.0
    dropout: Annotated[float, FROM_ZERO_TO_UNDER_ONE] = 0.0
    targets: Annotated[str, one_of(TARGETS)] = "attention"

    name: ClassVar[str] = "lora"
    merges: ClassVar[bool] = True
    source: ClassVar[str] = "Hu et al. (2022)"
    reads_outputs_only: ClassVar[bool] = True
    behind_zero: ClassVar[re.Pattern[str] | None] = re.compile(r"\.lora_A\.")

    def refusal(self, classifier: Classifier) -> str | None:
        """Return why this model cannot carry the adapter; None when it can."""
        return None if self._targets(classifier) else no_linears(classifier, self.name)

    def attach(self, classifier: Classifier, *, seed: int) -> AttachedAdapter:
        """Put LoRA beside the target modules; with B at zero the model computes what it did before."""
        targets = self._targets(classifier)
        config = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,  # type: ignore[arg-type]  # peft says int and scales by fractions as well
            lora_dropout=self.dropout,
            target_modules=targets,
            # Conv1D, of GPT-2's kind, keeps its weight transposed.
            fan_in_fan_out=isinstance(classifier.model.get_submodule(targets[0]), Conv1D),
        )
        was_training = classifier.model.training
        with torch_stream(derive_seed(seed, "adapter_init")):
            model = inject_adapter_in_model(config, classifier.model).train(was_training)
        return AttachedAdapter(
            spec=self.spec,
            model=model,
            adapter_names=frozenset(name for name, _ in model.named_parameters() if _is_lora(name)),
            head_names=frozenset(classifier.head_names),
            plain_name=_plain_name,
            merged=_merged,
        )

    def _targets(self, classifier: Classifier) -> list[str]:
        return layer_linears(classifier, attention_only=self.targets == "attention")


def no_linears(classifier: Classifier, adapter: str) -> str:
    """Return why an adapter of linear modules finds none."""
    if layer_linears(classifier, attention_only=False):
        return f"its attention has no linear modules, other parts of its layers do: {adapter}:targets=all_linear"
    return "found no linear modules in its layers"


def _is_lora(name: str) -> bool:
    return ".lora_" in name


def _plain_name(name: str) -> str | None:
    return None if _is_lora(name) else name.replace(".base_layer.", ".")


def _merged(attached: AttachedAdapter, fraction: float) -> Tensors:
    tensors = attached.backbone_tensors()
    with torch.no_grad():
        for name, module in attached.model.named_modules():
            if isinstance(module, LoraLayer):
                layer: Any = module
                weight = f"{name}.weight"
                tensors[weight] = tensors[weight] + fraction * layer.get_delta_weight("default")
    return tensors
