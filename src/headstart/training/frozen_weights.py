"""Frozen linear maps in the 16 bits that the checkpoint has them in: half the memory, and the same results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from headstart.adapters.layer_modules import layer_linears
from headstart.models.classifier import Classifier
from headstart.strategies.strategy import Stage
from headstart.training.config import STORED, RunOptions

NARROW = (torch.bfloat16, torch.float16)


def holds_16_bits(stage: Stage, options: RunOptions) -> bool:
    """Whether a stage's frozen maps are held in the checkpoint's 16 bits; those of a quantised backbone have fewer."""
    tuned = stage.trainable.tuned
    return options.frozen_precision == STORED and tuned is not None and tuned.width is None


def narrow_frozen(classifier: Classifier) -> list[Any]:
    """Put the frozen linear maps of a model's layers into 16 bits, where that loses no bit of them; return these.

    Under autocast their products are what they are from fp32: autocast rounds to 16 bits in any case. Outside of it a
    map is widened for the time of its product, and again for its gradient. Biases, normalisations, embeddings and the
    head stay in fp32, and so does what transformers computes in fp32 alone.
    """
    return [module for module in _frozen_maps(classifier) if _narrow(module)]


@contextmanager
def frozen_in_16_bits(classifier: Classifier) -> Iterator[None]:
    """Hold the frozen linear maps of a model's layers in 16 bits inside the block, as `narrow_frozen` does.

    The model goes into the block on the CPU and comes out of it on the CPU, in fp32 as it was, so no device ever holds
    these maps in fp32.
    """
    maps = narrow_frozen(classifier)
    try:
        yield
    finally:
        nn.Module.to(classifier.model, "cpu")
        for module in maps:
            del module.forward
            module.weight.data = module.weight.detach().float()


def _frozen_maps(classifier: Classifier) -> Iterator[Any]:
    """Yield the frozen linear modules of the layers."""
    wide = {name for module in classifier.model.modules() for name in _kept_in_fp32(module)}
    for name in layer_linears(classifier, attention_only=False):
        module: Any = classifier.model.get_submodule(name)
        if wide.isdisjoint(name.split(".")) and not module.weight.requires_grad:
            yield module


def _kept_in_fp32(module: nn.Module) -> tuple[str, ...]:
    return tuple(module._keep_in_fp32_modules or ()) if isinstance(module, PreTrainedModel) else ()


def _narrow(module: Any) -> bool:
    """Put a module's weight into 16 bits; return False, and leave it, where they do not hold it or have it."""
    weight = module.weight.detach()
    if weight.dtype != torch.float32:
        return False
    narrow = next((each for dtype in NARROW if torch.equal((each := weight.to(dtype)).float(), weight)), None)
    if narrow is None:
        return False
    module.weight.data, module.forward = narrow, partial(_product, module)
    return True


def _product(module: Any, inputs: torch.Tensor) -> torch.Tensor:
    """Return what a linear module gives."""
    weight = module.weight.T if isinstance(module, Conv1D) else module.weight
    if torch.is_autocast_enabled(inputs.device.type):
        return functional.linear(inputs, weight, module.bias)
    product: torch.Tensor = _WideProduct.apply(inputs, weight, module.bias)  # type: ignore[no-untyped-call]
    return product


class _WideProduct(torch.autograd.Function):
    """A linear map in the precision of its inputs, of which only the narrow weight is kept for the gradient.

    Letters: i inputs, o outputs of the map.
    """

    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """Return the product of inputs [.., i] and a weight [o, i], plus a bias [o]."""
        ctx.save_for_backward(weight)
        return functional.linear(inputs, weight.to(inputs.dtype), bias)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, None, torch.Tensor | None]:
        """Return the gradients of inputs and bias; the weight is frozen."""
        (weight,) = ctx.saved_tensors
        needs_inputs, _, needs_bias = ctx.needs_input_grad
        of_inputs = gradient @ weight.to(gradient.dtype) if needs_inputs else None
        return of_inputs, None, gradient.flatten(0, -2).sum(0) if needs_bias else None
