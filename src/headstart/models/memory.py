"""Weights in memory of their own."""

from __future__ import annotations

from torch import nn


def own_memory(model: nn.Module) -> None:
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
