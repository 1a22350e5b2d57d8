"""Attention that sees trained keys and values before the text's own, in models without code for them.

Where a model computes its attention through transformers' attention interface, functions of ours stand in that
interface. Where it computes attention by itself, its softmax is widened while it runs.

Letters: b batch, n heads, q queries, k keys, p prefix length, d width of a head.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask, sdpa_mask

KEY, VALUE = "prefix_key", "prefix_value"
"""Names of the parameters on an attention module: [p, n d] each."""

PREFIXED = {"eager": "headstart_prefix_eager", "sdpa": "headstart_prefix_sdpa"}
"""From an attention implementation to the same one with prefixes, by their names in transformers' interface."""

Attention = tuple[torch.Tensor, torch.Tensor | None]


def add_prefix(module: nn.Module, num_tokens: int, width: int, std: float) -> None:
    """Give an attention module a prefix from N(0, std^2), in fp32 on the module's device; `width` is n d."""
    device = next(module.parameters()).device
    for name in (KEY, VALUE):
        module.register_parameter(name, nn.Parameter(torch.empty(num_tokens, width).normal_(std=std).to(device)))


def is_prefix(name: str) -> bool:
    """Whether a tensor's name is that of a prefix."""
    return name.endswith((f".{KEY}", f".{VALUE}"))


def widen_softmax(module: nn.Module) -> None:
    """Let an attention module that calls softmax by itself see its prefix whenever it runs."""
    module.register_forward_pre_hook(_enter)
    # Recomputing under gradient checkpointing ends in the middle of a module, by an exception.
    module.register_forward_hook(_leave, always_call=True)


def _heads(module: nn.Module, name: str, num_heads: int) -> torch.Tensor:
    """Return a module's prefix as [1, n, p, d]."""
    prefix: torch.Tensor = getattr(module, name)
    return prefix.view(1, len(prefix), num_heads, prefix.shape[1] // num_heads).transpose(1, 2)


def _before(tensor: torch.Tensor, prefix: torch.Tensor) -> torch.Tensor:
    """Put a prefix [1, n, p, d] before a tensor [b, n, k, d], in its dtype."""
    return torch.cat([prefix.to(tensor.dtype).expand(len(tensor), -1, -1, -1), tensor], dim=2)


def _wider(scores: torch.Tensor, num_tokens: int, fill: float) -> torch.Tensor:
    """Put `num_tokens` columns before a mask or bias [.., k]."""
    return torch.cat([scores.new_full((*scores.shape[:-1], num_tokens), fill), scores], dim=-1)


def _with_prefix(
    attention: Callable[..., Attention],
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> Attention:
    """Call `attention` with the module's prefix before key and value [b, n, k, d]; without one, as it was called."""
    if not hasattr(module, KEY):
        return attention(module, query, key, value, attention_mask, **options)
    prefix = _heads(module, KEY, key.shape[1])
    num_tokens = prefix.shape[2]
    if attention_mask is not None:
        attention_mask = _wider(attention_mask, num_tokens, True if attention_mask.dtype == torch.bool else 0.0)
    # What causality hides is in the mask; by its flag, queries would be counted from the prefix on.
    changed: dict[str, Any] = {**options, "is_causal": False}
    if changed.get("position_bias") is not None:
        changed["position_bias"] = _wider(changed["position_bias"], num_tokens, 0.0)
    value = _before(value, _heads(module, VALUE, value.shape[1]))
    return attention(module, query, _before(key, prefix), value, attention_mask, **changed)


def _sdpa(module: nn.Module, *tensors: Any, **options: Any) -> Attention:
    return _with_prefix(sdpa_attention_forward, module, *tensors, **options)


def _eager(module: nn.Module, *tensors: Any, **options: Any) -> Attention:
    # Every model has its own, beside its attention class.
    attention = vars(sys.modules[type(module).__module__])["eager_attention_forward"]
    return _with_prefix(attention, module, *tensors, **options)


def _explicit_sdpa_mask(*, allow_is_causal_skip: bool = True, **options: Any) -> torch.Tensor | None:
    """Return sdpa's mask, written out also where a causal flag would have done."""
    del allow_is_causal_skip
    return sdpa_mask(allow_is_causal_skip=False, **options)


AttentionInterface.register(PREFIXED["sdpa"], _sdpa)
AttentionInterface.register(PREFIXED["eager"], _eager)
AttentionMaskInterface.register(PREFIXED["sdpa"], _explicit_sdpa_mask)
AttentionMaskInterface.register(PREFIXED["eager"], eager_mask)


class _WideSoftmax(TorchFunctionMode):
    """While an attention module runs: its first product has the queries, its softmax the scores, the next the values.

    Dropout between softmax and values then falls on the prefix as on the text.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._module = module
        self._query: torch.Tensor | None = None
        self._is_wide = False

    def __torch_function__(
        self,
        func: Callable[..., torch.Tensor],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> torch.Tensor:
        options = kwargs or {}
        if func in (torch.bmm, torch.matmul):
            left, right = args
            if self._query is None:
                self._query = left
            elif self._is_wide:
                self._is_wide = False
                return func(left, self._values(right))
        elif func is nn.functional.softmax and self._query is not None:
            self._is_wide = True
            return func(self._scores(args[0], self._query), **options)
        return func(*args, **options)

    def _scores(self, scores: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
        """Put the prefix's scores before those of the text [b, n, q, k], scaled as the module scales."""
        num_heads = scores.shape[1]
        keys = _heads(self._module, KEY, num_heads).to(query.dtype)
        # DeBERTa shares the scale between content and the kinds of position that it looks at.
        kinds = 1 + sum(kind in getattr(self._module, "pos_att_type", ()) for kind in ("c2p", "p2c"))
        heads = query.reshape(*scores.shape[:3], -1) / math.sqrt(query.shape[-1] * kinds)
        return torch.cat([(heads @ keys.transpose(-1, -2)).to(scores.dtype), scores], dim=-1)

    def _values(self, values: torch.Tensor) -> torch.Tensor:
        """Put the prefix before the values [b, n, k, d] or [b n, k, d]."""
        num_heads = int(self._module.num_attention_heads)  # type: ignore[arg-type]
        heads = values.reshape(-1, num_heads, *values.shape[-2:])
        wide = _before(heads, _heads(self._module, VALUE, num_heads))
        return wide.reshape(*values.shape[:-2], *wide.shape[-2:])


def _enter(module: nn.Module, inputs: tuple[Any, ...]) -> None:
    mode = _WideSoftmax(module)
    object.__setattr__(module, "_wide_softmax", mode)
    mode.__enter__()  # type: ignore[no-untyped-call]


def _leave(module: nn.Module, inputs: tuple[Any, ...], output: object) -> None:
    module._wide_softmax.__exit__(None, None, None)  # type: ignore[operator,union-attr]
    object.__delattr__(module, "_wide_softmax")
