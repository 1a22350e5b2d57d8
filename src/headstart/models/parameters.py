"""A model's tensors as values: digests, counts, which of them train, and where they lie in memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch
import xxhash

Tensors = dict[str, torch.Tensor]
Digests = Mapping[str, str]

NEVER_A_GRADIENT = re.compile(r"(key|k_proj|key_proj|k_lin|key_global)\.bias$|mask_emb|r_s_bias|seg_embed")
"""Tensors that need not get a gradient (docs/architectures.md): key biases cancel in the softmax, and
classification does not use some of XLNet's tensors."""


def own_tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the tensors of a state dict by name, not copies; a tied tensor stands once, under its first name."""
    names: dict[int, str] = {}
    state = model.state_dict(keep_vars=True)
    for name, tensor in state.items():
        names.setdefault(id(tensor), name)
    return {name: state[name].detach() for name in names.values()}


def digest(tensor: torch.Tensor) -> str:
    """Return a checksum of a tensor: xxh3 with 128 bits over its bytes, beside its dtype and shape."""
    flat = tensor.detach().cpu().contiguous().view(-1)
    content = flat.view(torch.uint8).numpy().data if flat.numel() else b""
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}:{xxhash.xxh3_128_hexdigest(content)}"


def digests(tensors: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Return the checksum of each tensor by name."""
    return {name: digest(tensor) for name, tensor in tensors.items()}


def set_trainable(model: torch.nn.Module, names: Iterable[str]) -> None:
    """Let exactly the named parameters of `model` train; freeze all others."""
    wanted = set(names)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in wanted)


def count(tensors: Mapping[str, torch.Tensor]) -> int:
    """Return the number of scalars in all tensors."""
    return sum(tensor.numel() for tensor in tensors.values())


def own_memory(model: torch.nn.Module) -> None:
    """Copy every parameter and buffer into memory that torch allocates; tied ones stay tied.

    Loaded tensors are views of a mapped file, at whatever address the file's header leaves them. That has two effects
    which must not be: overwriting the file changes a live model, and the last bit of a matrix product depends on the
    address (measured on CPU: equal weights at another offset gave logits that differ by 4e-9). torch's own memory
    is aligned to 64 bytes.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    for buffer in model.buffers():
        buffer.data = buffer.data.clone()
