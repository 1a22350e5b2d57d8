"""A frozen backbone in 8 or 4 bits, for a stage that trains an adapter and a head on it; through bitsandbytes."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import torch
from torch import nn

from headstart.adapters.layer_modules import layer_linears
from headstart.errors import UsageError
from headstart.models.classifier import Classifier


def require_quantisation(device: str) -> None:
    """Refuse what cannot be quantised here.

    Raises:
        UsageError: if there is no GPU, or bitsandbytes is not installed.
    """
    if device != "cuda":
        raise UsageError(
            "`quantise_stage1` needs a GPU: on a CPU it would be slower and save nothing", remedy="  Leave it out."
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UsageError("`quantise_stage1` needs bitsandbytes", remedy="  pip install bitsandbytes")


def quantise(classifier: Classifier, width: str, *, device: str, precision: str) -> None:
    """Move a classifier to a device with the linear maps of its layers in 8 or 4 bits, in place.

    Biases, normalisations, embeddings and the head stay in fp32. Layers go to the device one by one, so the device
    never holds the backbone in full precision. `width` is "8bit" (LLM.int8) or "4bit" (NF4), whose weights are
    multiplied in bf16 where the training's `precision` is "bf16", else in fp32.

    Source: Dettmers et al. (2022), arXiv 2208.07339; Dettmers et al. (2023), arXiv 2305.14314.
    """
    model = classifier.model
    for name in layer_linears(classifier, attention_only=False):
        linear = model.get_submodule(name)
        if isinstance(linear, nn.Linear):
            model.set_submodule(name, _quantised(linear, width, precision).to(device))
    model.to(device)  # type: ignore[arg-type]  # transformers annotates its wrapper as without arguments


def _quantised(linear: nn.Linear, width: str, precision: str) -> nn.Module:
    modules: Any = importlib.import_module("bitsandbytes").nn
    weight = linear.weight.detach()
    sizes = (linear.in_features, linear.out_features, linear.bias is not None)
    small: Any
    if width == "8bit":
        small = modules.Linear8bitLt(*sizes, has_fp16_weights=False)
        small.weight = modules.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
    else:
        compute = torch.bfloat16 if precision == "bf16" else torch.float32
        small = modules.Linear4bit(*sizes, compute_dtype=compute, quant_type="nf4")
        small.weight = modules.Params4bit(weight, requires_grad=False, quant_type="nf4", module=small)
    small.bias = linear.bias
    # bitsandbytes casts a bias to its input's dtype, for good; under autocast that would be bf16.
    small.register_forward_pre_hook(_in_fp32)
    quantised: nn.Module = small.train(linear.training)
    return quantised


def _in_fp32(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(tensor.float() for tensor in inputs)
