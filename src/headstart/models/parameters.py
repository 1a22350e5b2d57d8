"""Parameters as values: digests, counts, and which of them train."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
import xxhash


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


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    """Return the names whose checksums differ, or that only one side has."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def set_trainable(model: torch.nn.Module, names: Iterable[str]) -> None:
    """Let exactly the named parameters of `model` train; freeze all others."""
    wanted = set(names)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in wanted)


def count(tensors: Mapping[str, torch.Tensor]) -> int:
    """Return the number of scalars in all tensors."""
    return sum(tensor.numel() for tensor in tensors.values())
